package main

import (
	"context"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/leaderelection"
	"sigs.k8s.io/controller-runtime/pkg/recorder"

	"github.com/deepcall/deepcall-operator/internal/controller"
	"github.com/deepcall/deepcall-operator/internal/leader"
)

// podNamespaceFile contains the namespace of a Pod with a ServiceAccount. It is the default of the lease's namespace.
const podNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// validateLeaseNamespace returns an error if the namespace of the lease is not known. Without this check, the manager would report
// it only when the API server answers.
func (f *flags) validateLeaseNamespace(podNamespaceFile string) error {
	if !f.leaderElect || f.leaderElectionNamespace != "" {
		return nil
	}
	if _, err := os.Stat(podNamespaceFile); err != nil {
		return fmt.Errorf("--leader-elect requires --leader-election-namespace outside of a Pod with a ServiceAccount: %w", err)
	}
	return nil
}

// leaderElection returns the lock of the lease, and the fence that depends on it.
func (f *flags) leaderElection(config *rest.Config, scheme *runtime.Scheme, options controller.Options) (resourcelock.Interface, *leader.Fence, error) {
	events, err := newLeaseEvents(config, scheme)
	if err != nil {
		return nil, nil, err
	}
	lock, err := leaderelection.NewResourceLock(rest.CopyConfig(config), events, leaderelection.Options{
		LeaderElection:          true,
		LeaderElectionID:        f.leaseName(),
		LeaderElectionNamespace: f.leaderElectionNamespace,
		RenewDeadline:           renewDeadline,
	})
	if err != nil {
		return nil, nil, err
	}
	reader, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, nil, fmt.Errorf("create the client: %w", err)
	}
	fence := leader.NewFence(renewDeadline, leader.SinceBoot)
	inUse := func(ctx context.Context) (bool, error) { return controller.AnyInUse(ctx, reader, options) }
	return leader.NewLock(lock, fence, inUse), fence, nil
}

// leaseEvents provides the recorder of the lease's events. The manager's own recorders do not exist yet when the lock is
// created.
type leaseEvents struct {
	recorder.Provider // only the method below is used

	broadcaster record.EventBroadcaster
	scheme      *runtime.Scheme
}

func newLeaseEvents(config *rest.Config, scheme *runtime.Scheme) (*leaseEvents, error) {
	events, err := typedcorev1.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("create the client for events: %w", err)
	}
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: events.Events("")})
	return &leaseEvents{broadcaster: broadcaster, scheme: scheme}, nil
}

func (e *leaseEvents) GetEventRecorderFor(name string) record.EventRecorder {
	return e.broadcaster.NewRecorder(e.scheme, corev1.EventSource{Component: name})
}
