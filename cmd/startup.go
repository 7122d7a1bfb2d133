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
	// startupRequestTimeout bounds each request of such a check.
	startupRequestTimeout = 5 * time.Second
	// unreadablePollInterval is the delay between two checks of namespaces that could not be read at the start.
	unreadablePollInterval = 5 * time.Second
	// leaderRestartDelay lets the standbys restart before the leader, so that one of them can take over.
	leaderRestartDelay = 30 * time.Second
)

// watchedResources are the resources that the manager lists and watches in each namespace.
var watchedResources = []schema.GroupVersionResource{
	v1alpha1.GroupVersion.WithResource("agentgroupmappings"),
	v1alpha1.GroupVersion.WithResource("deepcallaccounts"),
	corev1.SchemeGroupVersion.WithResource("secrets"),
}

// prerequisites checks whether the API server serves everything that the manager lists and watches. Without this check,
// the manager would exit, and be restarted with back-off.
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

// restartFunc calls stop when the process must restart. elected is closed when it becomes the leader.
type restartFunc func(elected <-chan struct{}, stop func())

// awaitScope returns what to watch, once the API server serves it. A metric reports namespaces that can't be read, and the process
// must restart when one of them can be.
func (f *flags) awaitScope(ctx context.Context, config *rest.Config) (tenancy.Scope, restartFunc, error) {
	scope, err := f.scope()
	if err != nil {
		return tenancy.Scope{}, nil, err
	}
	p, err := newPrerequisites(config, scope.Namespaces)
	if err != nil {
		return tenancy.Scope{}, nil, err
	}
	readable, unreadable := p.wait(ctx)
	if err := metrics.Registry.Register(opmetrics.UnreadableNamespaces(unreadable)); err != nil {
		return tenancy.Scope{}, nil, fmt.Errorf("register the metric of unreadable namespaces: %w", err)
	}
	scope.Namespaces, scope.Unreadable = readable, len(unreadable) > 0
	if !scope.Unreadable {
		return scope, func(<-chan struct{}, func()) {}, nil
	}
	ctrl.Log.Info("The manager lacks the permissions for some of the namespaces to watch", "namespaces", unreadable)
	return scope, func(elected <-chan struct{}, stop func()) { p.restartWhenReadable(ctx, unreadable, elected, stop) }, nil
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

// restartWhenReadable calls stop once one of the namespaces can be read, so that the process watches the namespace after its
// restart. All replicas find out at the same time: the leader lets the others restart first.
func (p *prerequisites) restartWhenReadable(ctx context.Context, unreadable []string, elected <-chan struct{}, stop func()) {
	namespace, ok := p.awaitReadable(ctx, unreadable)
	if !ok {
		return
	}
	ctrl.Log.Info("A namespace can be read now: the manager restarts to watch it", "namespace", namespace)
	select {
	case <-elected:
		ctrl.Log.Info("The leader lets the standbys restart first", "delay", leaderRestartDelay.String())
		select {
		case <-ctx.Done():
			return
		case <-p.clock.After(leaderRestartDelay):
		}
	default:
	}
	stop()
}

// awaitReadable returns the first of the namespaces that can be read. It reports false at the end of ctx.
func (p *prerequisites) awaitReadable(ctx context.Context, unreadable []string) (namespace string, ok bool) {
	for {
		select {
		case <-ctx.Done():
			return "", false
		case <-p.clock.After(unreadablePollInterval):
		}
		for _, namespace := range unreadable {
			if p.checkNamespace(ctx, namespace) == nil {
				return namespace, true
			}
		}
	}
}
