package controller

import (
	"context"
	"fmt"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/account"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/metrics"
)

// setupMetrics makes the operator's metrics, has them follow the mappings, and registers them if asked to.
func setupMetrics(
	ctx context.Context, mgr ctrl.Manager, registerer prometheus.Registerer, registry *account.Registry, clk clock.PassiveClock,
) (*metrics.Metrics, error) {
	own := metrics.New(metrics.Sources{
		Clock: clk,
		Leads: func() bool {
			select {
			case <-mgr.Elected():
				return true
			default:
				return false
			}
		},
		Accounts: registry,
	})
	informer, err := mgr.GetCache().GetInformer(ctx, &v1alpha1.AgentGroupMapping{})
	if err != nil {
		return nil, fmt.Errorf("get the informer of the mappings: %w", err)
	}
	if _, err := informer.AddEventHandler(counting(own.Mappings)); err != nil {
		return nil, fmt.Errorf("count the mappings: %w", err)
	}
	if registerer == nil {
		return own, nil
	}
	if err := registerer.Register(own); err != nil {
		return nil, fmt.Errorf("register the metrics: %w", err)
	}
	return own, nil
}

// counting keeps the census of the mappings up to date.
func counting(census *metrics.Census) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) {
			if mapping, ok := obj.(*v1alpha1.AgentGroupMapping); ok {
				census.Come(readinessOf(mapping))
			}
		},
		UpdateFunc: func(before, after any) {
			was, wasMapping := before.(*v1alpha1.AgentGroupMapping)
			is, isMapping := after.(*v1alpha1.AgentGroupMapping)
			if wasMapping && isMapping {
				census.Change(readinessOf(was), readinessOf(is))
			}
		},
		DeleteFunc: func(obj any) {
			if tombstone, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
				obj = tombstone.Obj
			}
			if mapping, ok := obj.(*v1alpha1.AgentGroupMapping); ok {
				census.Go(readinessOf(mapping))
			}
		},
	}
}

// readinessOf is how a mapping stands by its condition Ready. Whoever may write a status can write any
// reason, which must not become a label.
func readinessOf(mapping *v1alpha1.AgentGroupMapping) metrics.Readiness {
	ready := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		return metrics.Readiness{Ready: "Unknown", Reason: "Unobserved"}
	case !slices.Contains(mappingReasons, ready.Reason):
		return metrics.Readiness{Ready: string(ready.Status), Reason: "Other"}
	default:
		return metrics.Readiness{Ready: string(ready.Status), Reason: ready.Reason}
	}
}

// mappingReasons are all reasons that a mapping's condition Ready can have.
var mappingReasons = func() []string {
	reasons := []string{
		v1alpha1.ReasonSynced, v1alpha1.ReasonSuspended, v1alpha1.ReasonConflict, v1alpha1.ReasonAccountNotFound,
		v1alpha1.ReasonAccountNotPermitted, v1alpha1.ReasonAccountNotReady,
	}
	for _, entry := range deepcall.Catalogue() {
		reasons = append(reasons, entry.Reason)
	}
	return reasons
}()
