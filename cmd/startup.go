package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
	opmetrics "github.com/deepcall/deepcall-operator/internal/metrics"
)

const (
	// startupPollInterval is the delay between two checks of the prerequisites.
	startupPollInterval = time.Second
	// startupRequestTimeout bounds each of their requests.
	startupRequestTimeout = 5 * time.Second
	// unreadablePollInterval is the delay between two checks of namespaces that could not be read at the start.
	unreadablePollInterval = 5 * time.Second
)

// watchedResources are the resources that the manager lists and watches in each namespace.
var watchedResources = []schema.GroupVersionResource{
	v1alpha1.GroupVersion.WithResource("agentgroupmappings"),
	v1alpha1.GroupVersion.WithResource("deepcallaccounts"),
	corev1.SchemeGroupVersion.WithResource("secrets"),
}

// prerequisites are what a manager needs from the API server before it can start. Without them it would exit, and be restarted
// after longer and longer delays.
type prerequisites struct {
	// resources returns the resources of a group version that the API server serves, and list lists one object of a resource.
	resources func(ctx context.Context, groupVersion string) (*metav1.APIResourceList, error)
	list      func(ctx context.Context, resource schema.GroupVersionResource, namespace string) error
	clock     clock.Clock
	// namespaces are the ones to watch; none are all.
	namespaces []string
}

func newPrerequisites(config *rest.Config, namespaces []string) (*prerequisites, error) {
	config = rest.CopyConfig(config)
	config.Timeout = startupRequestTimeout
	discoveryClient, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("create the discovery client: %w", err)
	}
	metadataClient, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("create the metadata client: %w", err)
	}
	list := func(ctx context.Context, resource schema.GroupVersionResource, namespace string) error {
		_, err := metadataClient.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{Limit: 1})
		return err
	}
	return &prerequisites{
		resources: discoveryClient.ServerResourcesForGroupVersionWithContext, list: list, clock: clock.RealClock{}, namespaces: namespaces,
	}, nil
}

// awaitScope returns what to watch, once the API server serves it. A metric reports namespaces that can't be read, and stop is called
// when one of them can be.
func (f *flags) awaitScope(ctx context.Context, stop func(), config *rest.Config) (tenancy.Scope, error) {
	scope, err := f.scope()
	if err != nil {
		return tenancy.Scope{}, err
	}
	p, err := newPrerequisites(config, scope.Namespaces)
	if err != nil {
		return tenancy.Scope{}, err
	}
	readable, unreadable := p.wait(ctx)
	if err := metrics.Registry.Register(opmetrics.UnreadableNamespaces(unreadable)); err != nil {
		return tenancy.Scope{}, fmt.Errorf("register the metric of unreadable namespaces: %w", err)
	}
	if len(unreadable) > 0 {
		ctrl.Log.Info("The manager lacks the permissions for some of the namespaces to watch", "namespaces", unreadable)
		go p.awaitReadable(ctx, unreadable, stop)
	}
	scope.Namespaces, scope.Unreadable = readable, len(unreadable) > 0
	return scope, nil
}

// wait returns once the API server serves the CRDs and the watched namespaces can be read. Of several namespaces one suffices:
// unreadable are the others, which were probably deleted with the manager's permissions. Until then, the log states what is
// missing, and the process is not ready. It also returns when ctx ends.
func (p *prerequisites) wait(ctx context.Context) (readable, unreadable []string) {
	reported := ""
	for {
		readable, unreadable, missing := p.check(ctx)
		if missing == nil {
			return readable, unreadable
		}
		if text := missing.Error(); text != reported {
			ctrl.Log.Info("Waiting for the API server", "missing", text)
			reported = text
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-p.clock.After(startupPollInterval):
		}
	}
}

// check returns the namespaces that can and can't be read, or what is missing.
func (p *prerequisites) check(ctx context.Context) (readable, unreadable []string, missing error) {
	if err := p.checkCRDs(ctx); err != nil {
		return nil, nil, err
	}
	if len(p.namespaces) == 0 {
		return nil, nil, p.checkNamespace(ctx, metav1.NamespaceAll)
	}
	var forbidden error
	for _, namespace := range p.namespaces {
		switch err := p.checkNamespace(ctx, namespace); {
		case apierrors.IsForbidden(err):
			unreadable, forbidden = append(unreadable, namespace), err
		case err != nil:
			return nil, nil, err
		default:
			readable = append(readable, namespace)
		}
	}
	if len(readable) == 0 {
		return nil, nil, forbidden
	}
	return readable, unreadable, nil
}

// checkCRDs returns an error if the API server does not serve both kinds.
func (p *prerequisites) checkCRDs(ctx context.Context) error {
	list, err := p.resources(ctx, v1alpha1.GroupVersion.String())
	switch {
	case apierrors.IsUnauthorized(err), apierrors.IsForbidden(err):
		return fmt.Errorf("the manager can't discover the API: %w", err)
	case err != nil && !apierrors.IsNotFound(err):
		return fmt.Errorf("the API server can't be reached: %w", err)
	}
	var absent []string
	for _, resource := range watchedResources {
		isServed := list != nil && slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == resource.Resource })
		if resource.Group == v1alpha1.GroupVersion.Group && !isServed {
			absent = append(absent, resource.GroupResource().String())
		}
	}
	if len(absent) > 0 {
		return fmt.Errorf("the CRDs are not installed: %s: install them with the chart or with kubectl apply --server-side -f config/crd/bases",
			strings.Join(absent, ", "))
	}
	return nil
}

// checkNamespace returns an error if a watched resource can't be listed in a namespace.
func (p *prerequisites) checkNamespace(ctx context.Context, namespace string) error {
	for _, resource := range watchedResources {
		if err := p.list(ctx, resource, namespace); err != nil {
			return fmt.Errorf("the manager can't list %s: %w", resource.Resource, err)
		}
	}
	return nil
}

// awaitReadable stops the process once one of the namespaces can be read, so that it watches the namespace after its restart.
func (p *prerequisites) awaitReadable(ctx context.Context, unreadable []string, stop func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.clock.After(unreadablePollInterval):
		}
		for _, namespace := range unreadable {
			if p.checkNamespace(ctx, namespace) == nil {
				ctrl.Log.Info("A namespace can be read now: the manager restarts to watch it", "namespace", namespace)
				stop()
				return
			}
		}
	}
}
