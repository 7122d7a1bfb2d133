package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

const token = "s3cr3t"

// groups are those of each DeepCall.
var groups = []string{"90", "91", "92"}

func userID(namespace string) string { return "user-of-" + namespace }

func agentName(i int) string { return fmt.Sprintf("agent-%d", i) }

// mapping returns a mapping with two groups. The agent receives the calls of the first one.
func mapping(namespace, name string, agent int) *testenv.MappingBuilder {
	return testenv.Mapping(name).In(namespace).Agent(fmt.Sprint(agent)).
		Group(groups[agent%3], true).Group(groups[(agent+1)%3], agent%4 == 0)
}

// all does the actions one after the other.
func all(ctx context.Context, actions ...func(context.Context) error) error {
	for _, action := range actions {
		if err := action(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (e *environment) create(ctx context.Context, objects ...client.Object) error {
	for _, object := range objects {
		if err := e.admin.Create(ctx, object); err != nil {
			return fmt.Errorf("create %s: %w", object.GetName(), err)
		}
	}
	return nil
}

// createAccount creates an account for the DeepCall of the namespace, and its Secret. If that DeepCall is fast, the account has
// higher limits than by default.
func (e *environment) createAccount(ctx context.Context, namespace, name string) error {
	secret := testenv.UserToken(name, userID(namespace), token)
	secret.Namespace = namespace
	account := testenv.Account(name, e.deepcalls[namespace].url).In(namespace)
	if e.scenario.latency < 50*time.Millisecond {
		account.Limits(100, 100, 16)
	}
	return e.create(ctx, secret, account.Build())
}

// createMappings creates n mappings of the account acme. Every nth one of resynced is resynced once a minute; none if it is 0.
func (e *environment) createMappings(ctx context.Context, namespace string, n, resynced int) error {
	const workers = 8
	var group sync.WaitGroup
	errs := make(chan error, workers)
	for worker := range workers {
		group.Go(func() {
			for i := worker; i < n; i += workers {
				m := mapping(namespace, agentName(i), i)
				if resynced > 0 && i%resynced == 0 {
					m.Resync(time.Minute)
				}
				if err := e.create(ctx, m.Build()); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(errs)
	return <-errs
}

// createMistakes creates mappings and accounts that can't be used, or only partly.
func (e *environment) createMistakes(ctx context.Context) error {
	if err := e.createAccount(ctx, sales, "copy"); err != nil {
		return err
	}
	err := e.create(ctx,
		mapping(support, "conflict", 3).Build(),
		mapping(support, "suspended", 902).Suspended().Build(),
		testenv.Account("unset", e.deepcalls[support].url).In(support).Build(),
		mapping(support, "unset", 903).Account("unset").Build(),
	)
	for i := 0; i < 4 && err == nil; i++ { // apart, because a rate does not include the first rejection
		if err = e.create(ctx, mapping(support, fmt.Sprintf("rejected-%d", i), 910+i).Group("99", true).Build()); err == nil {
			err = testenv.Sleep(ctx, 8*time.Second)
		}
	}
	return err
}

// edit sets whether the agent receives the calls of the second group.
func (e *environment) edit(ctx context.Context, namespace, name string, receives bool) error {
	m := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	change := fmt.Appendf(nil, `[{"op":"replace","path":"/spec/groups/1/receiveCall","value":%t}]`, receives)
	if err := e.admin.Patch(ctx, m, client.RawPatch(types.JSONPatchType, change)); err != nil {
		return fmt.Errorf("edit %s: %w", name, err)
	}
	return nil
}

// editForever edits one of n mappings in each period until the context ends.
func (e *environment) editForever(ctx context.Context, namespace string, n int, period time.Duration) {
	for i := 0; testenv.Sleep(ctx, period) == nil; i++ {
		if err := e.edit(ctx, namespace, agentName(i%n), i/n%2 == 0); err != nil && ctx.Err() == nil {
			e.logf("%v", err)
		}
	}
}

func (e *environment) setLatency(latency time.Duration) {
	for _, d := range e.deepcalls {
		d.SetLatency(latency, latency)
	}
}

// setToken changes the token in the Secret of the account acme.
func (e *environment) setToken(ctx context.Context, namespace, token string) error {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "acme-deepcall"}}
	change := fmt.Appendf(nil, `{"stringData":{"token":%q}}`, token)
	return e.admin.Patch(ctx, secret, client.RawPatch(types.MergePatchType, change))
}

// waitReady waits until n mappings are Ready for their latest generation.
func (e *environment) waitReady(ctx context.Context, namespace string, n int) error {
	for {
		var list v1alpha1.AgentGroupMappingList
		if err := e.admin.List(ctx, &list, client.InNamespace(namespace)); err != nil {
			return fmt.Errorf("list the mappings: %w", err)
		}
		ready := 0
		for _, m := range list.Items {
			if c := meta.FindStatusCondition(m.Status.Conditions, "Ready"); c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == m.Generation {
				ready++
			}
		}
		if ready == n {
			return nil
		}
		if err := testenv.Sleep(ctx, 2*time.Second); err != nil {
			return err
		}
	}
}

// writeForeignStatuses writes the status of a mapping n times, as another operator does.
func (e *environment) writeForeignStatuses(ctx context.Context, namespace string, n int) error {
	for range n {
		m := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: agentName(1)}}
		change := fmt.Appendf(nil, `[{"op":"replace","path":"/status/conditions/0/lastTransitionTime","value":%q}]`,
			time.Now().UTC().Format(time.RFC3339))
		err := e.admin.Status().Patch(ctx, m, client.RawPatch(types.JSONPatchType, change), client.FieldOwner("deepcall-operator"))
		if err != nil {
			return fmt.Errorf("write a status: %w", err)
		}
		if err := testenv.Sleep(ctx, 2*time.Second); err != nil {
			return err
		}
	}
	return nil
}

// failOver stops the first replica, and starts it again when the other one is the leader.
func (e *environment) failOver(ctx context.Context) error {
	if err := e.replicas[0].stop(); err != nil {
		return err
	}
	if err := testenv.Sleep(ctx, 15*time.Second); err != nil {
		return err
	}
	return e.startReplica(e.replicas[0])
}

// deleteTrial deletes a namespace as the controllers of a cluster do: it is terminating, then its objects are deleted. Its Secret
// is missing, so the groups can't be removed. The mappings wait: an operator that can't read a namespace abandons no removals.
func (e *environment) deleteTrial(ctx context.Context) error {
	if err := e.admin.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: trial}}); err != nil {
		return fmt.Errorf("delete the namespace: %w", err)
	}
	return e.deleteAll(ctx, trial, &v1alpha1.AgentGroupMapping{}, &v1alpha1.DeepCallAccount{})
}

// deleteAll deletes all objects of some kinds in a namespace.
func (e *environment) deleteAll(ctx context.Context, namespace string, kinds ...client.Object) error {
	for _, kind := range kinds {
		if err := e.admin.DeleteAllOf(ctx, kind, client.InNamespace(namespace)); err != nil {
			return fmt.Errorf("delete the objects: %w", err)
		}
	}
	return nil
}

// rejectStatusWrites creates an admission policy that rejects the status writes of a mapping, and waits until it is in force.
func (e *environment) rejectStatusWrites(ctx context.Context, name string) error {
	object := metav1.ObjectMeta{Name: "no-status"}
	fail, scope := admissionv1.Fail, admissionv1.AllScopes
	rule := admissionv1.RuleWithOperations{
		Operations: []admissionv1.OperationType{admissionv1.Update},
		Rule: admissionv1.Rule{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, APIVersions: []string{"*"}, Resources: []string{"agentgroupmappings/status"}, Scope: &scope,
		},
	}
	policy := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: object, Spec: admissionv1.ValidatingAdmissionPolicySpec{
		FailurePolicy:    &fail,
		MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: rule}}},
		Validations:      []admissionv1.Validation{{Expression: fmt.Sprintf("object.metadata.name != %q", name)}},
	}}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: object, Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
		PolicyName: object.Name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
	}}
	if err := e.create(ctx, policy, binding); err != nil {
		return err
	}
	return testenv.Sleep(ctx, 5*time.Second)
}
