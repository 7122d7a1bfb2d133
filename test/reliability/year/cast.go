package year

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

const (
	minute = time.Minute
	hour   = time.Hour
	day    = 24 * time.Hour
)

// The two accounts. acme may be used from everywhere, beta from its own namespace.
var (
	acme = types.NamespacedName{Namespace: "support", Name: "acme"}
	beta = types.NamespacedName{Namespace: "sales", Name: "beta"}
)

// role is one of the mappings.
type role struct {
	types.NamespacedName
	account  types.NamespacedName
	agent    string
	interval time.Duration
}

func (r role) agentKey() string { return agentKey(r.account.Name, r.agent) }

func agentKey(account, agent string) string { return account + "/" + agent }

// group names a group that only this mapping declares.
func (r role) group(n int) string { return fmt.Sprintf("%s.%d", r.Name, n) }

// roles are 25 mappings of 20 agents: 12 of acme and 8 of beta, of which five have a second mapping.
// Acme's second ones are in another namespace.
func roles() []role {
	intervals := []time.Duration{
		hour, 2 * hour, 3 * hour, 4 * hour, 6 * hour, 8 * hour, 12 * hour, day, 90 * minute, day,
	}
	all := make([]role, 0, 25)
	for i := range 25 {
		number := i%20 + 1
		r := role{account: acme, agent: fmt.Sprint(number), interval: intervals[i%len(intervals)]}
		r.NamespacedName = types.NamespacedName{Namespace: "support", Name: fmt.Sprintf("m%02d", i+1)}
		switch {
		case i >= 23: // a second one, of beta
			r.account, r.agent, r.Namespace = beta, fmt.Sprint(13+i-23), "sales"
		case i >= 20: // a second one, of acme
			r.Namespace = "sales"
		case number > 12:
			r.account, r.Namespace = beta, "sales"
		}
		all = append(all, r)
	}
	return all
}

// mapping is what a role begins as: three groups, of which the agent receives two.
func (r role) mapping() *v1alpha1.AgentGroupMapping {
	built := testenv.Mapping(r.Name).In(r.Namespace).Agent(r.agent).AccountIn(r.account.Namespace, r.account.Name).
		Group(r.group(1), true).Group(r.group(2), false).Group(r.group(3), true).Resync(r.interval).Build()
	built.Spec.RemovalPolicy = v1alpha1.RemovalPolicyStopCalls // the CRD's default
	return built
}

// furnish creates the namespaces, the accounts with their Secrets, and the mappings.
func (w *world) furnish() {
	for _, name := range []string{"support", "sales"} {
		w.must(w.admin.Create(w.context, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
	}
	for _, name := range []types.NamespacedName{acme, beta} {
		b := newBrand(name.Name, deepcalltest.Merge)
		if name == beta {
			b = newBrand(name.Name, deepcalltest.Replace)
		}
		b.called, b.ended = w.called, w.ended
		w.brands[name.Name] = b
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name + "-deepcall"}}
		secret.Data = map[string][]byte{"userId": []byte(b.userID), "token": []byte(b.token)}
		w.must(w.admin.Create(w.context, secret))
		allowed := v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesFromSame}
		if name == acme {
			allowed.From = v1alpha1.NamespacesFromAll
		}
		// The limits and the time-out are the CRD's defaults.
		w.must(w.admin.Create(w.context, testenv.Account(name.Name, b.endpoint()).In(name.Namespace).
			Limits(10, 20, 4).Timeout(8*time.Second).Allow(allowed).Build()))
	}
	for _, r := range w.roles {
		w.must(w.admin.Create(w.context, r.mapping()))
	}
}

// edit changes a mapping as a person would.
func (w *world) edit(name types.NamespacedName, change func(*v1alpha1.AgentGroupMapping)) {
	var mapping v1alpha1.AgentGroupMapping
	if err := w.admin.Get(w.context, name, &mapping); err != nil || mapping.DeletionTimestamp != nil {
		return // about to be made again
	}
	before := mapping.DeepCopy()
	change(&mapping)
	w.must(w.admin.Patch(w.context, &mapping, client.MergeFrom(before)))
	w.touch(name)
}

// writeToken changes the Secret of an account.
func (w *world) writeToken(name types.NamespacedName, token string) {
	var secret corev1.Secret
	w.must(w.admin.Get(context.Background(), types.NamespacedName{Namespace: name.Namespace, Name: name.Name + "-deepcall"}, &secret))
	secret.Data["token"] = []byte(token)
	w.must(w.admin.Update(w.context, &secret))
	w.credentialsChanged(name.Name)
}
