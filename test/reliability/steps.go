package reliability

import (
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// The steps of a person. None waits for the operator but those that await something.

// furnish creates the usual Secret and account.
func (w *world) furnish() {
	w.t.Helper()
	w.create(testenv.UserToken("acme", userID, token))
	w.create(testenv.Account("acme", w.url).Limits(1000, 1000, 16).Build())
}

func (w *world) create(objs ...client.Object) {
	w.t.Helper()
	for _, obj := range objs {
		if obj.GetNamespace() == "" {
			obj.SetNamespace(w.namespaces[0])
		}
		w.must(admin.Create(w.context, obj))
	}
}

// edit changes a mapping as a person would, on top of whatever it is by now.
func (w *world) edit(name string, change func(*v1alpha1.AgentGroupMapping)) {
	w.t.Helper()
	mapping := &v1alpha1.AgentGroupMapping{}
	w.must(admin.Get(w.context, w.key(name), mapping))
	base := mapping.DeepCopy()
	change(mapping)
	w.must(admin.Patch(w.context, mapping, client.MergeFrom(base)))
}

func (w *world) editAccount(name string, change func(*v1alpha1.DeepCallAccount)) {
	w.t.Helper()
	account := &v1alpha1.DeepCallAccount{}
	w.must(admin.Get(w.context, w.key(name), account))
	base := account.DeepCopy()
	change(account)
	w.must(admin.Patch(w.context, account, client.MergeFrom(base)))
}

// editSecret changes the token of an account's Secret.
func (w *world) editSecret(account, token string) {
	w.t.Helper()
	secret := &corev1.Secret{}
	w.must(admin.Get(w.context, w.key(account+"-deepcall"), secret))
	secret.Data["token"] = []byte(token)
	w.must(admin.Update(w.context, secret))
}

// delete deletes mappings.
func (w *world) delete(names ...string) {
	w.t.Helper()
	for _, name := range names {
		key := w.key(name)
		mapping := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
		w.must(admin.Delete(w.context, mapping))
	}
}

// deleteAccount deletes an account and its Secret.
func (w *world) deleteAccount(name string) {
	w.t.Helper()
	account, secret := w.key(name), w.key(name+"-deepcall")
	w.must(admin.Delete(w.context, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: secret.Namespace, Name: secret.Name}}))
	w.must(admin.Delete(w.context, &v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{Namespace: account.Namespace, Name: account.Name}}))
}

// request asks for a resync.
func (w *world) request(name, at string) {
	w.t.Helper()
	w.edit(name, func(mapping *v1alpha1.AgentGroupMapping) {
		metav1.SetMetaDataAnnotation(&mapping.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, at)
	})
}

// awaitHandled waits until a resync that was asked for is done.
func (w *world) awaitHandled(name, at string) {
	w.t.Helper()
	w.until("the request is handled", func() string {
		if handled := w.history.mappings()[w.key(name)].Status.LastHandledReconcileAt; handled != at {
			return "not yet"
		}
		return ""
	})
}

// await waits until a mapping stands as described, such as "Ready=True Synced", for the generation that
// the API server holds now.
func (w *world) await(name, description string) {
	w.t.Helper()
	mapping := &v1alpha1.AgentGroupMapping{}
	w.must(admin.Get(w.context, w.key(name), mapping))
	generation := mapping.Generation
	w.until(name+" is "+description, func() string {
		mapping := w.history.mappings()[w.key(name)]
		if mapping == nil {
			return "it does not exist"
		}
		if mapping.Generation < generation {
			return "the watch lags behind"
		}
		if is := standing(mapping); is != description {
			return "it is " + is
		}
		return ""
	})
}

// awaitWord waits until a mapping's status speaks of the generation that the API server holds now.
func (w *world) awaitWord(name string) {
	w.t.Helper()
	mapping := &v1alpha1.AgentGroupMapping{}
	w.must(admin.Get(w.context, w.key(name), mapping))
	generation := mapping.Generation
	w.until(name+" is looked at", func() string {
		if mapping := w.history.mappings()[w.key(name)]; mapping == nil || mapping.Status.ObservedGeneration < generation {
			return "not yet"
		}
		return ""
	})
}

// awaitCall waits until a call that says so of an agent's groups has come to an end, good or bad.
func (w *world) awaitCall(agent, words string) {
	w.t.Helper()
	w.until("DeepCall is told of "+words, func() string {
		for _, e := range w.ledger.look() {
			if e.call && e.agent == agent && includes(e.groups, parse(words)) && e.outcome != underWay {
				return ""
			}
		}
		return "not yet"
	})
}

// awaitGone waits until a mapping no longer exists.
func (w *world) awaitGone(name string) {
	w.t.Helper()
	w.until(name+" is gone", func() string {
		if mapping := w.history.mappings()[w.key(name)]; mapping != nil {
			return "it is " + standing(mapping)
		}
		err := admin.Get(w.context, w.key(name), &v1alpha1.AgentGroupMapping{})
		if !apierrors.IsNotFound(err) {
			return "the watch lags behind"
		}
		return ""
	})
}

// restoreSecretIfNeeded does what a mapping asks for that can't be deleted since the credentials are
// gone: only a process that has read them before can still use them (R6), and it may have crashed.
func (w *world) restoreSecretIfNeeded() {
	w.t.Helper()
	stuck := false
	w.until("the mappings are gone, or say what they wait for", func() string {
		present := w.history.mappings()
		for _, mapping := range present {
			if w.crashedBefore() && standing(mapping) == "Ready=False AccountNotReady Reconciling" {
				stuck = true
				return ""
			}
		}
		if len(present) > 0 {
			return "they are still there"
		}
		return ""
	})
	if stuck {
		w.create(client.Object(testenv.UserToken("acme", userID, token)))
	}
}

// standing is the current generation's conditions in a line; "pending" while they are of an older one.
func standing(mapping *v1alpha1.AgentGroupMapping) string {
	if mapping.Status.ObservedGeneration != mapping.Generation {
		return "pending"
	}
	return conditions(mapping.Generation, mapping.Status.Conditions)
}

func conditions(generation int64, list []metav1.Condition) string {
	ready := meta.FindStatusCondition(list, v1alpha1.ConditionReady)
	if ready == nil {
		return "without Ready"
	}
	line := "Ready=" + string(ready.Status) + " " + ready.Reason
	for _, kind := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if meta.FindStatusCondition(list, kind) != nil {
			line += " " + kind
		}
	}
	for _, condition := range list {
		if condition.ObservedGeneration != generation {
			line += ", " + condition.Type + " of an older generation"
		}
	}
	return line
}

// agentKey is "namespace/account/agent".
func agentKey(mapping *v1alpha1.AgentGroupMapping) string {
	namespace := mapping.Spec.AccountRef.Namespace
	if namespace == "" {
		namespace = mapping.Namespace
	}
	return namespace + "/" + mapping.Spec.AccountRef.Name + "/" + mapping.Spec.AgentID
}
