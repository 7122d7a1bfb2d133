package command

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/rest"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

const (
	fieldManager = "kubectl-deepcall"
	// chunkSize is the page size of lists, as in kubectl.
	chunkSize = 500
)

var (
	scheme      = runtime.NewScheme()
	mappingKind = v1alpha1.GroupVersion.WithKind("AgentGroupMapping")
	accountKind = v1alpha1.GroupVersion.WithKind("DeepCallAccount")
	// mappingType and accountType are the resource arguments of Builders.
	mappingType = mappingKind.GroupKind().String()
	accountType = accountKind.GroupKind().String()
)

func init() {
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
}

// factory provides access to the cluster that kubectl's standard flags select.
type factory struct {
	genericiooptions.IOStreams
	*genericclioptions.ConfigFlags
}

func newFactory(streams genericiooptions.IOStreams) *factory {
	flags := genericclioptions.NewConfigFlags(true).WithWrapConfigFn(func(config *rest.Config) *rest.Config {
		config.QPS = -1 // the API server's Priority and Fairness limits the load
		config.UserAgent = "kubectl-deepcall"
		return config
	})
	return &factory{IOStreams: streams, ConfigFlags: flags}
}

// builder returns a Builder for mappings in the selected namespace, or in all.
func (f *factory) builder(allNamespaces bool) (*resource.Builder, error) {
	namespace, err := f.namespace()
	if err != nil {
		return nil, err
	}
	return f.builderIn(namespace, allNamespaces)
}

// builderIn returns a Builder for mappings in a namespace, or in all.
func (f *factory) builderIn(namespace string, allNamespaces bool) (*resource.Builder, error) {
	// The Builder's own error does not match meta.IsNoMatchError.
	if err := f.requireCRDs(); err != nil {
		return nil, err
	}
	return resource.NewBuilder(f).
		NamespaceParam(namespace).DefaultNamespace().AllNamespaces(allNamespaces).
		RequestChunksOf(chunkSize), nil
}

// list returns the mappings that match a label selector, which may be empty.
func (f *factory) list(allNamespaces bool, selector string) ([]*v1alpha1.AgentGroupMapping, error) {
	builder, err := f.builder(allNamespaces)
	if err != nil {
		return nil, err
	}
	infos, err := builder.WithScheme(scheme, v1alpha1.GroupVersion).
		ResourceTypes(mappingType).
		LabelSelectorParam(selector).SelectAllParam(selector == "").
		Do().Infos()
	if err != nil {
		return nil, withNamespaceHint(err, allNamespaces)
	}
	var mappings []*v1alpha1.AgentGroupMapping
	for _, info := range infos { // one per page
		page := info.Object.(*v1alpha1.AgentGroupMappingList)
		for i := range page.Items {
			mappings = append(mappings, &page.Items[i])
		}
	}
	return mappings, nil
}

// completeNames completes the names of mappings in the selected namespace.
func (f *factory) completeNames(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	mappings, err := f.list(false, "")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, mapping := range mappings {
		if strings.HasPrefix(mapping.Name, prefix) {
			names = append(names, mapping.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// inNamespace describes in messages which namespaces a command searched.
func (f *factory) inNamespace(allNamespaces bool) string {
	if allNamespaces {
		return "in any namespace"
	}
	name, _ := f.namespace()
	return fmt.Sprintf("in namespace %q", name)
}

func validateSelector(selector string) error {
	if _, err := labels.Parse(selector); err != nil {
		return fmt.Errorf("--selector: %w", err)
	}
	return nil
}

// withNamespaceHint adds to an error about all namespaces how to do without the missing right.
func withNamespaceHint(err error, allNamespaces bool) error {
	if allNamespaces && apierrors.IsForbidden(err) {
		return fmt.Errorf("%w; omit -A for the mappings of one namespace", err)
	}
	return err
}

// withHint adds to an error how to resolve it.
func withHint(err error) error {
	var urlErr *url.Error
	var netErr *net.OpError
	switch {
	case meta.IsNoMatchError(err):
		return errors.New("the cluster has no AgentGroupMapping resource: install the operator, or select another cluster with --context")
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%w; role view permits reading mappings, role edit permits changing them", err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("%w; log in to the cluster again", err)
	case errors.As(err, &urlErr), errors.As(err, &netErr):
		return fmt.Errorf("%w; check the network, --context and --kubeconfig", err)
	default:
		return err
	}
}
