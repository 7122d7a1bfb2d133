package controller

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// Random processes, whose caches lag, work while users change objects, writes and requests fail, and the process is replaced. In
// the end DeepCall has the declared groups, all statuses state so, nothing is sent or written any more, and no request repeats
// what DeepCall has unless something failed.
func TestSimulation(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for n := range uint64(simulations) {
		for _, mode := range []string{"no faults", "failing writes", "failing requests", "everything fails"} {
			ok := t.Run(fmt.Sprintf("%s %d %d", mode, seed, n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { simulate(t, rand.New(rand.NewPCG(seed, n)), mode) })
			})
			if !ok {
				return
			}
		}
	}
}

const simulations = 5 // per mode

type simulation struct {
	t       *testing.T
	mu      sync.Mutex
	r       *rand.Rand
	api     *simAPI
	dc      *simDeepCall
	p       *simProcess
	log     []string
	names   int
	faults  atomic.Bool // whether the API server and DeepCall fail
	repeats atomic.Bool // whether requests can repeat what DeepCall has
}

func (s *simulation) intn(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.IntN(n)
}

func (s *simulation) logf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, time.Now().Format("04:05.000 ")+fmt.Sprintf(format, args...))
}

func simulate(t *testing.T, r *rand.Rand, mode string) {
	s := &simulation{t: t, r: r}
	s.faults.Store(true)
	s.api = &simAPI{objects: simObjects{}, secret: true}
	failsWrites := mode == "failing writes" || mode == "everything fails"
	failsRequests := mode == "failing requests" || mode == "everything fails"
	s.api.fails = func(what string) error {
		if !s.faults.Load() || !failsWrites || s.intn(6) > 0 {
			return nil
		}
		if strings.HasPrefix(what, "answer") && mode == "failing writes" && s.intn(2) == 0 {
			return nil
		}
		return apierrors.NewInternalError(errors.New("the API server fails"))
	}
	s.dc = &simDeepCall{replaces: s.intn(2) == 0, groups: map[string]map[string]bool{}, inFlight: map[string]int{}, removals: map[string]int{}}
	s.dc.mayRepeat = func(string) bool { return failsRequests || s.repeats.Load() }
	s.dc.respond = func() (time.Duration, bool, int, string, error) {
		latency := time.Duration(s.intn(1500)) * time.Millisecond
		if s.faults.Load() && failsRequests {
			switch s.intn(8) {
			case 0:
				return latency, false, 0, "", errors.New("connection refused")
			case 1:
				return latency, true, 0, "", errors.New("connection reset")
			case 2:
				return latency, false, 200, bodyRejected, nil
			case 3:
				return latency, false, 503, "", nil
			case 4:
				return latency, false, 200, `{"status":"error","code":1015,"message":"no"}`, nil
			}
		}
		return latency, true, 200, bodySuccess, nil
	}
	s.createAccount()
	s.p = startProcess(t, s.api, s.dc, 1)
	stopDelivery := make(chan struct{})
	var deliveries sync.WaitGroup
	deliveries.Go(func() {
		for {
			select {
			case <-stopDelivery:
				return
			case <-time.After(time.Duration(1+s.intn(700)) * time.Millisecond):
				s.mu.Lock()
				p := s.p
				s.mu.Unlock()
				p.cache.deliver(1 + s.intn(4))
			}
		}
	})
	for range 5 + s.intn(40) {
		s.event(mode)
		<-time.After(time.Duration(s.intn(3000)) * time.Millisecond)
	}
	s.repair()
	<-time.After(3 * time.Hour)
	s.p.busyMu.Lock()
	busy := maps.Clone(s.p.busy)
	s.p.busyMu.Unlock()
	s.api.mu.Lock()
	writes := s.api.writes
	s.api.mu.Unlock()
	s.dc.mu.Lock()
	requests := len(s.dc.requests)
	s.dc.mu.Unlock()
	<-time.After(time.Hour)
	s.check(busy, writes, requests)
	close(stopDelivery)
	deliveries.Wait()
	if err := s.p.stop(true); err != nil {
		t.Errorf("stop: %v", err)
	}
	if t.Failed() {
		t.Logf("replaces=%v\n%s\nrequests:\n%s", s.dc.replaces, strings.Join(s.log, "\n"), strings.Join(s.dc.requests, "\n"))
	}
}

func (s *simulation) check(busy map[string]int, writes, requests int) {
	s.dc.mu.Lock()
	defer s.dc.mu.Unlock()
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	for _, err := range s.dc.errs {
		s.t.Error(err)
	}
	if s.api.writes != writes || len(s.dc.requests) != requests {
		s.t.Errorf("%d writes and %d requests although nothing changes", s.api.writes-writes, len(s.dc.requests)-requests)
	}
	s.p.busyMu.Lock()
	for what, n := range s.p.busy {
		if more := n - busy[what]; more > 20 {
			s.t.Errorf("%d reconciles of %s although nothing changes", more, what)
		}
	}
	s.p.busyMu.Unlock()
	declared := map[string]map[string]bool{}
	for _, m := range objectsOf[*v1alpha1.AgentGroupMapping](s.api.objects) {
		if m.DeletionTimestamp != nil {
			s.t.Errorf("%s is not deleted: %+v", m.Name, m.Status)
			continue
		}
		ready := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || ready.ObservedGeneration != m.Generation || (ready.Status != metav1.ConditionTrue && ready.Reason != v1alpha1.ReasonConflict) {
			s.t.Errorf("%s is not ready: %+v", m.Name, ready)
		}
		for _, g := range m.Spec.Groups {
			if declared[m.Spec.AgentID] == nil {
				declared[m.Spec.AgentID] = map[string]bool{}
			}
			declared[m.Spec.AgentID][g.GroupID] = true
		}
		for _, g := range m.Status.AppliedGroups {
			if value, has := s.dc.groups[m.Spec.AgentID][g.GroupID]; !has || value != g.ReceiveCall {
				s.t.Errorf("%s has applied %s=%v, DeepCall has %v (%v)", m.Name, g.GroupID, g.ReceiveCall, value, has)
			}
		}
	}
	for id, groups := range s.dc.groups {
		for group, receives := range groups {
			if receives && !declared[id][group] {
				s.t.Errorf("agent %s receives calls of group %s", id, group)
			}
		}
	}
}
