package year

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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

// The two accounts. acme can be used from every namespace, beta only from its own.
var (
	acme = types.NamespacedName{Namespace: "support", Name: "acme"}
	beta = types.NamespacedName{Namespace: "sales", Name: "beta"}
)

// fixture describes one of the mappings.
type fixture struct {
	types.NamespacedName
	account  types.NamespacedName
	agent    string
	interval time.Duration
}

func (f fixture) agentKey() string { return agentKey(f.account.Name, f.agent) }

func agentKey(account, agent string) string { return account + "/" + agent }

// group returns the ID of a group that only this mapping declares.
func (f fixture) group(n int) string { return fmt.Sprintf("%s.%d", f.Name, n) }

// fixtures returns 25 mappings of 20 agents: 12 agents of acme and 8 of beta. Five agents have a second
// mapping; those of acme are in another namespace.
func fixtures() []fixture {
	intervals := []time.Duration{
		hour, 2 * hour, 3 * hour, 4 * hour, 6 * hour, 8 * hour, 12 * hour, day, 90 * minute, day,
	}
	all := make([]fixture, 0, 25)
	for i := range 25 {
		number := i%20 + 1
		f := fixture{account: acme, agent: fmt.Sprint(number), interval: intervals[i%len(intervals)]}
		f.NamespacedName = types.NamespacedName{Namespace: "support", Name: fmt.Sprintf("m%02d", i+1)}
		switch {
		case i >= 23: // second mappings of beta
			f.account, f.agent, f.Namespace = beta, fmt.Sprint(13+i-23), "sales"
		case i >= 20: // second mappings of acme
			f.Namespace = "sales"
		case number > 12:
			f.account, f.Namespace = beta, "sales"
		}
		all = append(all, f)
	}
	return all
}

// mapping returns the mapping in its initial state: three groups, two of which receive calls.
func (f fixture) mapping() *v1alpha1.AgentGroupMapping {
	built := testenv.Mapping(f.Name).In(f.Namespace).Agent(f.agent).AccountIn(f.account.Namespace, f.account.Name).
		Group(f.group(1), true).Group(f.group(2), false).Group(f.group(3), true).Resync(f.interval).Build()
	built.Spec.RemovalPolicy = v1alpha1.RemovalPolicyStopCalls // the CRD's default
	return built
}

// createObjects creates the namespaces, the accounts with their Secrets, and the mappings.
func (e *testEnv) createObjects() {
	for _, name := range []string{"support", "sales"} {
		e.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	for _, name := range []types.NamespacedName{acme, beta} {
		semantics, allowed := deepcalltest.Merge, v1alpha1.NamespacesFromAll
		if name == beta {
			semantics, allowed = deepcalltest.Replace, v1alpha1.NamespacesFromSame
		}
		s := newSimulator(name.Name, semantics)
		s.onRequest, s.onResponse = e.onRequest, e.onResponse
		e.simulators[name.Name] = s
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name + "-deepcall"}}
		secret.Data = map[string][]byte{"userId": []byte(s.userID), "token": []byte(s.token)}
		e.create(secret)
		// The limits and the timeout are the CRD's defaults.
		e.create(testenv.Account(name.Name, s.endpoint()).In(name.Namespace).
			Limits(10, 20, 4).Timeout(8 * time.Second).Allow(v1alpha1.AllowedNamespaces{From: allowed}).Build())
	}
	for _, f := range e.fixtures {
		e.create(f.mapping())
	}
}

func (e *testEnv) create(o client.Object) { e.must(e.admin.Create(e.t.Context(), o)) }

// edit patches the spec or metadata of a mapping, unless it is missing or being deleted.
func (e *testEnv) edit(name types.NamespacedName, change func(*v1alpha1.AgentGroupMapping)) {
	var mapping v1alpha1.AgentGroupMapping
	if err := e.admin.Get(e.t.Context(), name, &mapping); err != nil || mapping.DeletionTimestamp != nil {
		return // recreateDeleted creates it again
	}
	before := mapping.DeepCopy()
	change(&mapping)
	e.must(e.admin.Patch(e.t.Context(), &mapping, client.MergeFrom(before)))
	e.recordEdit(name)
}

// recordEdit records that a user changed a mapping.
func (e *testEnv) recordEdit(name types.NamespacedName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.editedAt[name], e.lastChange, e.lastActivity = time.Now(), time.Now(), time.Now()
	e.stats.edits++
}

// recreateDeleted creates the mappings again whose deletion has finished.
func (e *testEnv) recreateDeleted() {
	for _, f := range e.fixtures {
		e.mu.Lock()
		mapping := e.recreations[f.NamespacedName]
		e.mu.Unlock()
		if mapping == nil {
			continue
		}
		if _, err := e.apiServer.get(mappingKind, f.NamespacedName); !apierrors.IsNotFound(err) {
			continue
		}
		e.create(mapping)
		e.recordEdit(f.NamespacedName)
		e.mu.Lock()
		delete(e.recreations, f.NamespacedName)
		e.mu.Unlock()
	}
}

// updateToken changes the token in the Secret of an account.
func (e *testEnv) updateToken(name types.NamespacedName, token string) {
	var secret corev1.Secret
	e.must(e.admin.Get(e.t.Context(), types.NamespacedName{Namespace: name.Namespace, Name: name.Name + "-deepcall"}, &secret))
	secret.Data["token"] = []byte(token)
	e.must(e.admin.Update(e.t.Context(), &secret))
	e.mu.Lock()
	defer e.mu.Unlock()
	*e.denials[name.Name] = denial{}
	e.lastChange = time.Now()
	e.stats.credentialChanges++
}
