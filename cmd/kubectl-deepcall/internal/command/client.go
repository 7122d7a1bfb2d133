package command

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// The resources of the operator's kinds.
const (
	mappingsResource = "agentgroupmappings"
	accountsResource = "deepcallaccounts"
)

// client returns a client of the operator's kinds.
func (f *factory) client() (*rest.RESTClient, error) {
	if err := f.requireCRDs(); err != nil {
		return nil, err
	}
	config, err := f.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.GroupVersion, config.APIPath = &v1alpha1.GroupVersion, "/apis"
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	return rest.RESTClientFor(config)
}

// requireCRDs returns an error that matches meta.IsNoMatchError if the cluster does not serve mappings.
func (f *factory) requireCRDs() error {
	mapper, err := f.ToRESTMapper()
	if err != nil {
		return err
	}
	_, err = mapper.RESTMapping(mappingKind.GroupKind(), mappingKind.Version)
	return err
}

// namespace returns the selected namespace.
func (f *factory) namespace() (string, error) {
	namespace, _, err := f.ToRawKubeConfigLoader().Namespace()
	return namespace, err
}

// missingRight returns the right that the caller lacks, such as "list leases in namespace support". It returns the error if it is
// about something else.
func missingRight(err error, verb, resource, namespace string) (string, error) {
	if !apierrors.IsForbidden(err) {
		return "", err
	}
	if namespace == clusterScoped {
		return verb + " " + resource, nil
	}
	return fmt.Sprintf("%s %s %s", verb, resource, inNamespaceOrAll(namespace)), nil
}

// clusterScoped is used instead of a namespace for resources that belong to none.
const clusterScoped = "-"

func inNamespaceOrAll(namespace string) string {
	if namespace == "" {
		return "in all namespaces"
	}
	return "in namespace " + namespace
}
