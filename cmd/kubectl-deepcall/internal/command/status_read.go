package command

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/status"
)

// statusReader reads the content of a status. It notes the objects that the caller is not allowed to read.
type statusReader struct {
	client *rest.RESTClient
	events typedcorev1.EventsGetter
	in     status.Input
}

// read returns the content of the cluster about a mapping in the selected namespace.
func (o *statusOptions) read(ctx context.Context, name string) (status.Input, error) {
	namespace, err := o.namespace()
	if err != nil {
		return status.Input{}, err
	}
	r := &statusReader{}
	if r.client, err = o.client(); err != nil {
		return status.Input{}, err
	}
	config, err := o.ToRESTConfig()
	if err != nil {
		return status.Input{}, err
	}
	if r.events, err = typedcorev1.NewForConfig(config); err != nil {
		return status.Input{}, err
	}
	mapping := &v1alpha1.AgentGroupMapping{}
	err = r.client.Get().Namespace(namespace).Resource(mappingsResource).Name(name).Do(ctx).Into(mapping)
	if apierrors.IsNotFound(err) {
		return status.Input{}, fmt.Errorf("%w %s; kubectl get agm lists the mappings, kubectl deepcall roster --agent ID those of an agent", err, o.inNamespace(false))
	}
	if err != nil {
		return status.Input{}, err
	}
	r.in.Mapping, r.in.Now = mapping, time.Now()
	for _, read := range []func(context.Context) error{r.readAccount, r.readOthers, r.readEvents} {
		if err := read(ctx); err != nil {
			return status.Input{}, err
		}
	}
	return r.in, nil
}

func (r *statusReader) readAccount(ctx context.Context) error {
	key := r.in.Mapping.AccountKey()
	account := &v1alpha1.DeepCallAccount{}
	err := r.client.Get().Namespace(key.Namespace).Resource(accountsResource).Name(key.Name).Do(ctx).Into(account)
	switch {
	case err == nil:
		r.in.Account = account
		return nil
	case apierrors.IsNotFound(err):
		r.in.AccountMissing = true
		return nil
	default:
		return r.note(err, "the account", "get", accountsResource, key.Namespace)
	}
}

// readOthers reads the agent's other mappings: in all namespaces, or only in the mapping's own if the others are forbidden.
func (r *statusReader) readOthers(ctx context.Context) error {
	m := r.in.Mapping
	list, err := r.listAgent(ctx, metav1.NamespaceAll)
	if err != nil {
		if err := r.note(err, "mappings of the agent in other namespaces", "list", mappingsResource, metav1.NamespaceAll); err != nil {
			return err
		}
		if list, err = r.listAgent(ctx, m.Namespace); err != nil {
			return r.note(err, "other mappings of the agent", "list", mappingsResource, m.Namespace)
		}
	}
	for i := range list.Items {
		if other := &list.Items[i]; other.AgentKey() == m.AgentKey() && other.UID != m.UID {
			r.in.Others = append(r.in.Others, other)
		}
	}
	return nil
}

func (r *statusReader) listAgent(ctx context.Context, namespace string) (*v1alpha1.AgentGroupMappingList, error) {
	list := &v1alpha1.AgentGroupMappingList{}
	err := r.client.Get().Namespace(namespace).Resource(mappingsResource).
		VersionedParams(&metav1.ListOptions{FieldSelector: "spec.agentID=" + r.in.Mapping.Spec.AgentID}, metav1.ParameterCodec).
		Do(ctx).Into(list)
	return list, err
}

// readEvents reads the events of the mapping and of its account.
func (r *statusReader) readEvents(ctx context.Context) error {
	if err := r.readEventsOf(ctx, r.in.Mapping.Namespace, r.in.Mapping.UID, "events of the mapping"); err != nil {
		return err
	}
	if r.in.Account == nil {
		return nil
	}
	return r.readEventsOf(ctx, r.in.Account.Namespace, r.in.Account.UID, "events of the account")
}

func (r *statusReader) readEventsOf(ctx context.Context, namespace string, uid types.UID, what string) error {
	list, err := r.events.Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.uid=" + string(uid)})
	if err != nil {
		return r.note(err, what, "list", "events", namespace)
	}
	r.in.Events = append(r.in.Events, list.Items...)
	return nil
}

// note records the objects that could not be read if the error is about a missing right, and returns any other error.
func (r *statusReader) note(err error, what, verb, resource, namespace string) error {
	right, err := missingRight(err, verb, resource, namespace)
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	r.in.NotRead = append(r.in.NotRead, what+": needs the right to "+right)
	return nil
}
