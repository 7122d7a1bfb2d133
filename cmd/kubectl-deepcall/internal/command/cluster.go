package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// cluster is where commands find what they ask for, by kubectl's usual flags.
type cluster struct {
	genericiooptions.IOStreams
	flags *genericclioptions.ConfigFlags
}

func newCluster(streams genericiooptions.IOStreams) *cluster {
	return &cluster{IOStreams: streams, flags: configFlags()}
}

// client talks with the API server.
func (c *cluster) client() (client.Client, error) {
	config, err := c.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	config.QPS, config.Burst = 50, 100 // as kubectl asks, so that hundreds of mappings take seconds
	config.UserAgent = "kubectl-deepcall"
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("add DeepCall's kinds: %w", err)
	}
	made, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("make the client: %w", err)
	}
	return made, nil
}

// namespace is that of the flag -n, else the context's; given is true when the flag says it.
func (c *cluster) namespace() (name string, given bool, err error) {
	name, given, err = c.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", false, fmt.Errorf("find the namespace: %w", err)
	}
	return name, given, nil
}

// scope is the namespace to list, or all.
func (c *cluster) scope(everywhere bool) (client.InNamespace, error) {
	if everywhere {
		return "", nil
	}
	name, _, err := c.namespace()
	return client.InNamespace(name), err
}

func inScope(scope client.InNamespace) string {
	if scope == "" {
		return "in any namespace"
	}
	return fmt.Sprintf("in the namespace %q", string(scope))
}

// mappings lists those of the scope that the selector chooses.
func mappings(ctx context.Context, reader client.Reader, options ...client.ListOption) ([]v1alpha1.AgentGroupMapping, error) {
	var list v1alpha1.AgentGroupMappingList
	if err := reader.List(ctx, &list, options...); err != nil {
		return nil, fmt.Errorf("list the mappings: %w", err)
	}
	return list.Items, nil
}

// explained adds to an error what to do next.
func explained(err error) error {
	var unreachable *url.Error
	var network *net.OpError
	switch {
	case meta.IsNoMatchError(err):
		return errors.New("the cluster does not know AgentGroupMappings: install the operator there, or name another cluster with --context")
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%w; the role view lets you see mappings, the role edit lets you change them", err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("%w; log in to the cluster again", err)
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case errors.As(err, &unreachable), errors.As(err, &network):
		return fmt.Errorf("%w; the cluster can't be reached: check the network, --context and --kubeconfig", err)
	default:
		return err
	}
}
