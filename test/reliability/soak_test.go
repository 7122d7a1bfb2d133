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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var length = flag.Duration("length", 10*time.Minute, "duration of the soak")

const (
	soakAgents = 40
	// convergeTimeout limits how long convergence takes after the last fault: an unreachable account is probed
	// up to a minute apart.
	convergeTimeout = 4 * time.Minute
	soakQuietPeriod = 5 * time.Second
)

// TestSoak edits mappings continuously while the processes of the manager and the API server are killed and DeepCall
// fails, and then checks that everything converges.
func TestSoak(t *testing.T) {
	t.Logf("soaking for %s with seed %d", *length, *seed)
	s := newSoak(t)
	start, reported := time.Now(), time.Now()
	for time.Since(start) < *length && !t.Failed() {
		s.step()
		if time.Since(reported) > 30*time.Second {
			reported = time.Now()
			t.Logf("after %s: %s", time.Since(start).Round(time.Second), s.summary())
		}
	}
	s.converge()
	requests := len(s.deepcall.Requests())
	s.pause(soakQuietPeriod)
	if more := len(s.deepcall.Requests()) - requests; more > 0 {
		t.Errorf("%d requests after convergence", more)
	}
	if overlaps := s.deepcall.Overlaps(); overlaps > 0 {
		t.Errorf("%d requests overlapped another one for the same agent", overlaps)
	}
	s.manager.stop()
	s.checkLog()
	t.Logf("finished after %s: %s", time.Since(start).Round(time.Second), s.summary())
	if t.Failed() {
		t.Logf("to repeat it: make soak LENGTH=%s SEED=%d", *length, *seed)
	}
}

// soak is the state of a run.
type soak struct {
	t         *testing.T
	random    *rand.Rand
	namespace string
	deepcall  *deepcalltest.Server
	manager   *managerProcess
	apiServer *apiServerProcess
	declared  map[string]map[string]bool // by the name of the mapping
	drifted   map[string]bool            // agents whose groups were changed in DeepCall: they converge only with a resync
	secrets   []string                   // every user ID and token so far
	counts    map[string]int
}

func newSoak(t *testing.T) *soak {
	s := &soak{
		t: t, random: rand.New(rand.NewPCG(*seed, 0)), declared: map[string]map[string]bool{}, drifted: map[string]bool{},
		counts: map[string]int{},
	}
	user := testenv.Canary(fmt.Sprintf("S0akUs3r%dOfTheSoakTest", *seed))
	s.secrets = []string{user, s.newToken()}
	var url string
	s.deepcall, url = deepcalltest.Start(t, deepcalltest.Options{
		Accounts: []deepcalltest.Account{{UserID: user, Token: s.secrets[1]}}, Latency: 5 * time.Millisecond, Jitter: 50 * time.Millisecond, Seed: *seed,
	})
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "soak-"}}
	s.create(namespace)
	s.namespace = namespace.Name

	secret := testenv.UserToken("acme", user, s.secrets[1])
	secret.Namespace = s.namespace
	s.create(secret)
	s.create(testenv.Account("acme", url).In(s.namespace).Limits(200, 200, 16).Build())

	s.apiServer = findAPIServer(t)
	s.manager = startManagerProcess(t)
	return s
}

func (s *soak) create(obj client.Object) {
	s.t.Helper()
	s.retry(func() error { return k8sClient.Create(context.Background(), obj) })
}

// newToken returns a canary. Four bytes of it identify a row of a dump, so no plain word may contain them.
func (s *soak) newToken() string {
	return testenv.Canary(fmt.Sprintf("S0akT0ken%dNumber%dOfTheSoak", *seed, len(s.secrets)))
}

// converge ends all faults and waits for convergence. Only drifted agents need a resync, which is requested last.
func (s *soak) converge() {
	s.apiServer.waitReady()
	s.deepcall.ClearFaults()
	s.deepcall.Release()
	s.rotate(0)
	for name := range s.declared {
		s.edit(name, setSuspend(false))
	}
	s.waitConverged("without drifted agents", func(agent string) bool { return s.drifted[agent] })
	for name := range s.declared {
		s.edit(name, func(m *v1alpha1.AgentGroupMapping) {
			m.Spec.ResyncInterval = &metav1.Duration{} // no resync in the quiet period
			if s.drifted[m.Spec.AgentID] {
				requestReconcile("the end")(m)
			}
		})
	}
	s.waitConverged("completely", func(string) bool { return false })
}

func (s *soak) waitConverged(how string, except func(agent string) bool) {
	start, unmet := time.Now(), ""
	for time.Since(start) < convergeTimeout {
		if unmet = s.unmet(except); unmet == "" {
			s.t.Logf("converged %s within %s", how, time.Since(start).Round(time.Second))
			return
		}
		s.pause(250 * time.Millisecond)
	}
	s.t.Errorf("not converged %s after %s: %s\nthe end of the manager's log:\n%s", how, convergeTimeout, unmet, s.manager.logTail())
}

// unmet returns the differences from the declared state, except the groups that DeepCall has of some agents.
func (s *soak) unmet(except func(agent string) bool) string {
	var mappings v1alpha1.AgentGroupMappingList
	if err := k8sClient.List(context.Background(), &mappings, client.InNamespace(s.namespace)); err != nil {
		return err.Error()
	}
	if len(mappings.Items) != len(s.declared) {
		return fmt.Sprintf("%d mappings instead of %d", len(mappings.Items), len(s.declared))
	}
	var unmet []string
	declared := map[string]map[string]string{} // by agent
	for _, m := range mappings.Items {
		if !isReady(&m) || m.Status.LastHandledReconcileAt != m.Annotations[v1alpha1.ReconcileRequestedAtAnnotation] {
			unmet = append(unmet, fmt.Sprintf("%s: %+v, reconcile request handled: %q", m.Name, m.Status.Conditions, m.Status.LastHandledReconcileAt))
		}
		if declared[m.Spec.AgentID] == nil {
			declared[m.Spec.AgentID] = map[string]string{}
		}
		for id, receiveCall := range s.declared[m.Name] {
			declared[m.Spec.AgentID][id] = groupValue(receiveCall)
		}
	}
	for i := range soakAgents {
		agent := fmt.Sprint(i)
		groups := s.deepcall.Agent(agent)
		maps.DeleteFunc(groups, func(id, value string) bool {
			return value == "N" && declared[agent][id] == "" // removed
		})
		if !except(agent) && !maps.Equal(groups, declared[agent]) {
			unmet = append(unmet, fmt.Sprintf("agent %s has %v instead of %v", agent, groups, declared[agent]))
		}
	}
	return strings.Join(unmet, "\n")
}

// checkLog searches the log for credentials in every form, and for panics.
func (s *soak) checkLog() {
	log, err := os.ReadFile(s.manager.log)
	if err != nil {
		s.t.Fatal(err)
	}
	text := string(log)
	searched := testenv.NewLog(text)
	for _, secret := range s.secrets {
		if found := searched.Reveals(secret); len(found) > 0 {
			s.t.Errorf("the log contains %q: %v", secret, found)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "panic:") || strings.Contains(line, "Observed a panic") {
			s.t.Errorf("the manager panicked: %s", line)
		}
	}
	s.counts["bytes of log"] = len(log)
}

func (s *soak) summary() string {
	s.counts["requests"], s.counts["starts of the manager"] = len(s.deepcall.Requests()), s.manager.startCount()
	return strings.Trim(fmt.Sprint(s.counts), "map[]")
}

// retry calls f until it succeeds, since the API server may be down.
func (s *soak) retry(f func() error) {
	s.t.Helper()
	var err error
	for start := time.Now(); time.Since(start) < 2*time.Minute; s.pause(100 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	s.t.Fatal(err)
}

func (*soak) pause(d time.Duration) { <-time.After(d) }
