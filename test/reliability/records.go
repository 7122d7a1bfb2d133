package reliability

import (
	"encoding/json"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// These functions change the operator's records in an object, as users and their tools can.

// copyMapping creates a mapping with the metadata and the spec of another one.
func (env *environment) copyMapping(original, copied *v1alpha1.AgentGroupMapping) {
	env.t.Helper()
	copied.Annotations, copied.Finalizers = original.Annotations, slices.Clone(original.Finalizers)
	copied.Spec.Groups, copied.Spec.RemovalPolicy, copied.Spec.Suspend = original.Spec.Groups, original.Spec.RemovalPolicy, original.Spec.Suspend
	env.create(copied)
}

// replaceStatus replaces the status of a mapping if it exists, as only an administrator can.
func (env *environment) replaceStatus(key client.ObjectKey, status v1alpha1.AgentGroupMappingStatus) {
	env.t.Helper()
	env.must(client.IgnoreNotFound(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		var mapping v1alpha1.AgentGroupMapping
		if err := k8sClient.Get(env.ctx, key, &mapping); err != nil {
			return err
		}
		mapping.Status = status
		return k8sClient.Status().Update(env.ctx, &mapping)
	})))
}

// forgeRecord adds the finalizer and a record of an attempt that the operator did not make.
func forgeRecord(groups ...string) mutation {
	return func(m *v1alpha1.AgentGroupMapping) {
		record, err := json.Marshal(plan.Attempt{UID: m.UID, Number: m.Status.AnsweredAttempt + 2, Groups: groups})
		if err != nil {
			panic(err) // strings can always be marshalled
		}
		metav1.SetMetaDataAnnotation(&m.ObjectMeta, v1alpha1.AttemptedGroupsAnnotation, string(record))
		controllerutil.AddFinalizer(m, v1alpha1.StopCallsFinalizer)
	}
}

// eraseRecords removes all annotations and finalizers, as kubectl replace does.
func (env *environment) eraseRecords(m *v1alpha1.AgentGroupMapping) {
	env.ledger.markErased(m.UID)
	m.Annotations, m.Finalizers = nil, nil
}
