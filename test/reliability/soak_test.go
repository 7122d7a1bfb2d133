//go:build long

package reliability

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var length = flag.Duration("length", 10*time.Minute, "how long to soak")

const (
	soakAgents = 40
	// healsWithin is how long all may take to be well once the trouble is over: an account that was
	// unreachable is probed a minute apart.
	healsWithin = 4 * time.Minute
	quietFor    = 5 * time.Second
)

// TestSoak has people edit all the time while the manager's process and the API server's are killed and
// DeepCall fails. In the end all must be as declared.
func TestSoak(t *testing.T) {
	t.Logf("soaking for %s with seed %d", *length, *seed)
	s := newSoak(t)
	began, reported := time.Now(), time.Now()
	for time.Since(began) < *length && !t.Failed() {
		s.step()
		if time.Since(reported) > 30*time.Second {
			reported = time.Now()
			t.Logf("after %s: %s", time.Since(began).Round(time.Second), s.tally())
		}
	}
	s.heal()
	calls := len(s.deepcall.Calls())
	s.pause(quietFor)
	if more := len(s.deepcall.Calls()) - calls; more > 0 {
		t.Errorf("%d calls although nothing was left to do", more)
	}
	if overlaps := s.deepcall.Overlaps(); overlaps > 0 {
		t.Errorf("%d calls overlapped another one for the same agent", overlaps)
	}
	s.manager.end()
	s.checkLog()
	t.Logf("the end after %s: %s", time.Since(began).Round(time.Second), s.tally())
	if t.Failed() {
		t.Logf("to repeat it: make soak LENGTH=%s SEED=%d", *length, *seed)
	}
}

// soak is what a run works on. What is declared is kept by the name of the mapping.
type soak struct {
	t         *testing.T
	random    *rand.Rand
	namespace string
	deepcall  *deepcalltest.Server
	manager   *keptManager
	apiServer *keptAPIServer
	declared  map[string]map[string]bool
	drifted   map[string]bool // agents whose groups somebody changed in DeepCall: only a resync heals that
	secrets   []string        // every user ID and token there was
	counts    map[string]int
}

func newSoak(t *testing.T) *soak {
	s := &soak{
		t: t, random: rand.New(rand.NewPCG(*seed, 0)), declared: map[string]map[string]bool{}, drifted: map[string]bool{},
		counts: map[string]int{},
	}
	user := testenv.Canary(fmt.Sprintf("S0akUs3r%dOfNobodyAtAll", *seed))
	s.secrets = []string{user, s.newToken()}
	var url string
	s.deepcall, url = deepcalltest.Start(t, deepcalltest.Options{
		Accounts: []deepcalltest.Account{{UserID: user, Token: s.secrets[1]}}, Latency: 5 * time.Millisecond, Jitter: 50 * time.Millisecond, Seed: *seed,
	})
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "soak-"}}
	s.do(func() error { return admin.Create(context.Background(), namespace) })
	s.namespace = namespace.Name

	secret := testenv.UserToken("acme", user, s.secrets[1])
	secret.Namespace = s.namespace
	s.do(func() error { return admin.Create(context.Background(), secret) })
	account := testenv.Account("acme", url).In(s.namespace).Limits(200, 200, 16).Build()
	s.do(func() error { return admin.Create(context.Background(), account) })

	s.apiServer = keepAPIServer(t)
	s.manager = keepManager(t)
	return s
}

// newToken is a canary. A row of a dump is known by four bytes, which no plain word may hold.
func (s *soak) newToken() string {
	return testenv.Canary(fmt.Sprintf("S0akT0ken%dNumber%dOfNobody", *seed, len(s.secrets)))
}

// heal ends all trouble, and waits until everything is as declared. Nobody asks for that, but for what
// others changed in DeepCall.
func (s *soak) heal() {
	s.apiServer.untilReady()
	s.deepcall.ClearFaults()
	s.deepcall.Release()
	s.rotate(0)
	for name := range s.declared {
		s.edit(name, func(m *v1alpha1.AgentGroupMapping) { m.Spec.Suspend = false })
	}
	s.untilHealed("by itself, but for drift", func(agent string) bool { return s.drifted[agent] })
	for name := range s.declared {
		s.edit(name, func(m *v1alpha1.AgentGroupMapping) {
			m.Spec.ResyncInterval = &metav1.Duration{} // none is to come due in the quiet time
			if s.drifted[m.Spec.AgentID] {
				metav1.SetMetaDataAnnotation(&m.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, "the end")
			}
		})
	}
	s.untilHealed("on request", func(string) bool { return false })
}

func (s *soak) untilHealed(how string, excepted func(agent string) bool) {
	began, missing := time.Now(), ""
	for time.Since(began) < healsWithin {
		if missing = s.missing(excepted); missing == "" {
			s.t.Logf("healed %s within %s", how, time.Since(began).Round(time.Second))
			return
		}
		s.pause(250 * time.Millisecond)
	}
	s.t.Errorf("not healed %s after %s: %s\nthe manager's log ends:\n%s", how, healsWithin, missing, s.manager.logsEnd())
}

// missing says what is not as declared yet, but for what DeepCall holds of some agents.
func (s *soak) missing(excepted func(agent string) bool) string {
	var mappings v1alpha1.AgentGroupMappingList
	if err := admin.List(context.Background(), &mappings, client.InNamespace(s.namespace)); err != nil {
		return err.Error()
	}
	if len(mappings.Items) != len(s.declared) {
		return fmt.Sprintf("%d mappings instead of %d", len(mappings.Items), len(s.declared))
	}
	var missing []string
	wanted := map[string]map[string]string{}
	for _, m := range mappings.Items {
		ready := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || ready.Status != metav1.ConditionTrue || ready.ObservedGeneration != m.Generation ||
			m.Status.LastHandledReconcileAt != m.Annotations[v1alpha1.ReconcileRequestedAtAnnotation] {
			missing = append(missing, fmt.Sprintf("%s: %+v, request handled: %q", m.Name, ready, m.Status.LastHandledReconcileAt))
		}
		if wanted[m.Spec.AgentID] == nil {
			wanted[m.Spec.AgentID] = map[string]string{}
		}
		for id, receives := range s.declared[m.Name] {
			wanted[m.Spec.AgentID][id] = map[bool]string{true: "Y", false: "N"}[receives]
		}
	}
	for agent := range soakAgents {
		agent := fmt.Sprint(agent)
		holds := s.deepcall.Agent(agent)
		maps.DeleteFunc(holds, func(id, receives string) bool {
			return receives == "N" && wanted[agent][id] == "" // stopped, as good as gone
		})
		if !excepted(agent) && !maps.Equal(holds, wanted[agent]) {
			missing = append(missing, fmt.Sprintf("agent %s holds %v instead of %v", agent, holds, wanted[agent]))
		}
	}
	return strings.Join(missing, "\n")
}

// checkLog looks for credentials in every form, and for panics.
func (s *soak) checkLog() {
	log, err := os.ReadFile(s.manager.log)
	if err != nil {
		s.t.Fatal(err)
	}
	text := string(log)
	for _, secret := range s.secrets {
		if found := testenv.Reveals(text, secret); len(found) > 0 {
			s.t.Errorf("the log holds %q: %v", secret, found)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "panic:") || strings.Contains(line, "Observed a panic") {
			s.t.Errorf("the manager panicked: %s", line)
		}
	}
	s.counts["bytes of log"] = len(log)
}

func (s *soak) tally() string {
	s.counts["calls"], s.counts["starts of the manager"] = len(s.deepcall.Calls()), s.manager.starts()
	return strings.Trim(fmt.Sprint(s.counts), "map[]")
}

// do tries until the API server, which may be down, has done it.
func (s *soak) do(what func() error) {
	s.t.Helper()
	var err error
	for began := time.Now(); time.Since(began) < 2*time.Minute; s.pause(100 * time.Millisecond) {
		if err = what(); err == nil {
			return
		}
	}
	s.t.Fatal(err)
}

func (*soak) pause(d time.Duration) { <-time.After(d) }
