package reliability

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// The actions of a user in a scenario. Only those whose name begins with "wait" wait for the operator.

// createAccount creates the default Secret and account.
func (env *environment) createAccount() {
	env.t.Helper()
	env.create(testenv.UserToken("acme", userID, token))
	env.create(testenv.Account("acme", env.url).Limits(1000, 1000, 16).Build())
}

func (env *environment) create(objs ...client.Object) {
	env.t.Helper()
	for _, obj := range objs {
		if obj.GetNamespace() == "" {
			obj.SetNamespace(env.namespaces[0])
		}
		env.must(k8sClient.Create(env.ctx, obj))
	}
}

// patch reads an object and patches it with a change.
func patch[T client.Object](ctx context.Context, key client.ObjectKey, obj T, change func(T)) error {
	if err := k8sClient.Get(ctx, key, obj); err != nil {
		return err
	}
	base := obj.DeepCopyObject().(T)
	change(obj)
	return k8sClient.Patch(ctx, obj, client.MergeFrom(base))
}

// edit patches the current version of a mapping.
func (env *environment) edit(name string, change mutation) {
	env.t.Helper()
	env.must(patch(env.ctx, env.key(name), &v1alpha1.AgentGroupMapping{}, change))
}

func (env *environment) editAccount(name string, change func(*v1alpha1.DeepCallAccount)) {
	env.t.Helper()
	env.must(patch(env.ctx, env.key(name), &v1alpha1.DeepCallAccount{}, change))
}

// editSecret changes the token in an account's Secret.
func (env *environment) editSecret(account, token string) {
	env.t.Helper()
	secret := &corev1.Secret{}
	env.must(k8sClient.Get(env.ctx, env.secretKey(account), secret))
	secret.Data["token"] = []byte(token)
	env.must(k8sClient.Update(env.ctx, secret))
}

// secretKey returns the key of an account's Secret.
func (env *environment) secretKey(account string) client.ObjectKey {
	return env.key(account + "-deepcall")
}

func objectMeta(key client.ObjectKey) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}
}

// delete deletes mappings.
func (env *environment) delete(names ...string) {
	env.t.Helper()
	for _, name := range names {
		env.must(k8sClient.Delete(env.ctx, &v1alpha1.AgentGroupMapping{ObjectMeta: objectMeta(env.key(name))}))
	}
}

// deleteAccount deletes an account and its Secret.
func (env *environment) deleteAccount(name string) {
	env.t.Helper()
	env.must(k8sClient.Delete(env.ctx, &corev1.Secret{ObjectMeta: objectMeta(env.secretKey(name))}))
	env.must(k8sClient.Delete(env.ctx, &v1alpha1.DeepCallAccount{ObjectMeta: objectMeta(env.key(name))}))
}

func (env *environment) requestResync(name, at string) {
	env.t.Helper()
	env.edit(name, requestReconcile(at))
}

// waitResync waits until a requested resync is done.
func (env *environment) waitResync(name, at string) {
	env.t.Helper()
	env.waitFor("the request is handled", func() string {
		if handled := env.history.mappings()[env.key(name)].Status.LastHandledReconcileAt; handled != at {
			return "not yet"
		}
		return ""
	})
}

// waitStatus waits until a mapping has a status such as "Ready=True Synced" for its current generation.
func (env *environment) waitStatus(name, summary string) {
	env.t.Helper()
	generation := env.generation(name)
	env.waitFor(name+" is "+summary, func() string {
		mapping := env.history.mappings()[env.key(name)]
		if mapping == nil {
			return "it does not exist"
		}
		if mapping.Generation < generation {
			return "the watch lags behind"
		}
		if got := mappingSummary(mapping); got != summary {
			return "it is " + got
		}
		return ""
	})
}

// waitObserved waits until the status of a mapping is for its current generation.
func (env *environment) waitObserved(name string) {
	env.t.Helper()
	generation := env.generation(name)
	env.waitFor(name+" is observed", func() string {
		if mapping := env.history.mappings()[env.key(name)]; mapping == nil || mapping.Status.ObservedGeneration < generation {
			return "not yet"
		}
		return ""
	})
}

func (env *environment) generation(name string) int64 {
	env.t.Helper()
	mapping := &v1alpha1.AgentGroupMapping{}
	env.must(k8sClient.Get(env.ctx, env.key(name), mapping))
	return mapping.Generation
}

// waitRequest waits until a request with these groups of an agent has ended, successfully or not.
func (env *environment) waitRequest(agent, groups string) {
	env.t.Helper()
	env.waitFor("DeepCall receives "+groups, func() string {
		for _, e := range env.ledger.list() {
			if e.request && e.agent == agent && containsAll(e.groups, parseGroups(groups)) && e.result != inProgress {
				return ""
			}
		}
		return "not yet"
	})
}

// waitFinalizer waits until the operator has added its finalizer to a mapping again.
func (env *environment) waitFinalizer(name string) {
	env.t.Helper()
	env.waitFor("the finalizer is back", func() string {
		var mapping v1alpha1.AgentGroupMapping
		env.must(k8sClient.Get(env.ctx, env.key(name), &mapping))
		if !mapping.HasFinalizer() {
			return "not yet"
		}
		return ""
	})
}

// waitAccepted waits until the manager knows that DeepCall accepted a request with these groups of an agent.
func (env *environment) waitAccepted(agent, groups string) {
	env.t.Helper()
	env.waitFor("DeepCall accepts "+groups, func() string {
		for _, e := range env.ledger.list() {
			if e.accepted && e.agent == agent && containsAll(e.groups, parseGroups(groups)) {
				return ""
			}
		}
		return "not yet"
	})
}

// waitDeleted waits until a mapping no longer exists.
func (env *environment) waitDeleted(name string) {
	env.t.Helper()
	env.waitFor(name+" is deleted", func() string {
		if mapping := env.history.mappings()[env.key(name)]; mapping != nil {
			return "it is " + mappingSummary(mapping)
		}
		err := k8sClient.Get(env.ctx, env.key(name), &v1alpha1.AgentGroupMapping{})
		if !apierrors.IsNotFound(err) {
			return "the watch lags behind"
		}
		return ""
	})
}

// restoreSecretIfNeeded creates the Secret again if a mapping can't be deleted without it: only a process that read
// the credentials before can still use them (R6), and that process may have crashed.
func (env *environment) restoreSecretIfNeeded() {
	env.t.Helper()
	needed := false
	env.waitFor("the mappings are deleted or wait for the Secret", func() string {
		existing := env.history.mappings()
		for _, mapping := range existing {
			if env.hasCrashed() && mappingSummary(mapping) == "Ready=False AccountNotReady Reconciling" {
				needed = true
				return ""
			}
		}
		if len(existing) > 0 {
			return "they still exist"
		}
		return ""
	})
	if needed {
		env.create(testenv.UserToken("acme", userID, token))
	}
}
