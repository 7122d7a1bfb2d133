package controller

import (
	"fmt"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func (s *simulation) createAccount() {
	s.names++
	a := &v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{
		Namespace: simNamespace, Name: "acme", UID: types.UID(fmt.Sprintf("account%d", s.names)), Generation: 1, CreationTimestamp: metav1.Now(),
	}}
	a.Spec.Endpoint = "https://deepcall.example"
	a.Spec.CredentialsSecretRef.Name = "acme"
	a.Spec.Limits = v1alpha1.Limits{RequestsPerSecond: 5, Burst: 5, MaxInFlight: 3}
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	s.api.put(a)
}

func (s *simulation) randomGroups() []v1alpha1.AgentGroup {
	var groups []v1alpha1.AgentGroup
	for id := range 4 {
		if s.intn(2) == 0 {
			groups = append(groups, v1alpha1.AgentGroup{GroupID: fmt.Sprint(id), ReceiveCall: s.intn(2) == 0})
		}
	}
	return groups
}

func (s *simulation) event(mode string) {
	s.api.mu.Lock()
	names := slices.Sorted(maps.Keys(s.api.mappings))
	acme := s.api.accounts["acme"]
	s.api.mu.Unlock()
	user := func(name string, change func(*v1alpha1.AgentGroupMapping)) {
		s.api.mu.Lock()
		defer s.api.mu.Unlock()
		m := s.api.mappings[name]
		if m == nil {
			return
		}
		generation := m.Generation
		m = m.DeepCopy()
		change(m)
		s.api.put(m)
		if m.Generation > generation {
			s.dc.mu.Lock()
			s.dc.removals[m.Spec.AgentID]++
			s.dc.mu.Unlock()
		}
	}
	kind := s.intn(20)
	if len(names) == 0 || kind < 5 {
		name := fmt.Sprintf("m%d", s.intn(6))
		groups := s.randomGroups()
		s.api.mu.Lock()
		defer s.api.mu.Unlock()
		if s.api.mappings[name] != nil {
			return
		}
		s.names++
		m := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{
			Namespace: simNamespace, Name: name, UID: types.UID(fmt.Sprintf("%s-%d", name, s.names)), Generation: 1, CreationTimestamp: metav1.Now(),
		}}
		m.Spec.AgentID = fmt.Sprint(s.intn(3))
		m.Spec.AccountRef.Name = "acme"
		m.Spec.RemovalPolicy = v1alpha1.RemovalPolicyStopCalls
		m.Spec.Groups = groups
		m.Status.ObservedGeneration = -1
		s.api.put(m)
		s.dc.mu.Lock()
		s.dc.removals[m.Spec.AgentID]++
		s.dc.mu.Unlock()
		s.logf("%s %s of agent %s is created: %v", time.Now().Format("04:05.000"), name, m.Spec.AgentID, m.Spec.Groups)
		return
	}
	name := names[s.intn(len(names))]
	at := time.Now().Format("04:05.000")
	switch {
	case kind < 9:
		groups := s.randomGroups()
		s.logf("%s %s is edited: %v", at, name, groups)
		user(name, func(m *v1alpha1.AgentGroupMapping) { m.Spec.Groups = groups; m.Generation++ })
	case kind < 12:
		s.logf("%s %s is deleted", at, name)
		user(name, func(m *v1alpha1.AgentGroupMapping) {
			if m.DeletionTimestamp == nil {
				m.DeletionTimestamp = &metav1.Time{Time: time.Now()}
				m.Generation++
			}
		})
	case kind == 12:
		s.logf("%s %s is labelled", at, name)
		user(name, func(m *v1alpha1.AgentGroupMapping) { m.Labels = map[string]string{"n": fmt.Sprint(s.intn(100))} })
	case kind == 13 && acme != nil:
		s.logf("%s the account is edited", at)
		s.api.mu.Lock()
		a := s.api.accounts["acme"].DeepCopy()
		a.Generation++
		s.api.put(a)
		s.api.mu.Unlock()
	case kind == 14 && acme != nil && acme.DeletionTimestamp == nil:
		s.logf("%s the account is deleted", at)
		s.api.mu.Lock()
		a := s.api.accounts["acme"].DeepCopy()
		a.DeletionTimestamp = &metav1.Time{Time: time.Now()}
		s.api.put(a)
		s.api.mu.Unlock()
	case kind == 15 && acme == nil:
		s.logf("%s the account is created", at)
		s.createAccount()
	case kind == 16:
		s.api.mu.Lock()
		s.api.secret = !s.api.secret
		s.api.mu.Unlock()
		s.logf("%s the Secret exists: %v", at, s.api.secret)
		s.touchAccount()
	case kind == 17:
		s.failover(true)
	case kind == 18 && mode != "no faults" && mode != "failing writes":
		s.repeats.Store(true)
		s.failover(false)
	case kind == 19 && acme != nil && s.intn(2) == 0:
		s.logf("%s a resync of all mappings is requested", at)
		s.repeats.Store(true) // it repeats
		s.api.mu.Lock()
		a := s.api.accounts["acme"].DeepCopy()
		metav1.SetMetaDataAnnotation(&a.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, time.Now().Format(time.RFC3339Nano))
		s.api.put(a)
		s.api.mu.Unlock()
	case kind == 19:
		s.logf("%s a resync of %s is requested", at, name)
		s.repeats.Store(true) // it repeats
		user(name, func(m *v1alpha1.AgentGroupMapping) {
			metav1.SetMetaDataAnnotation(&m.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, time.Now().Format(time.RFC3339Nano))
		})
	}
}

// touchAccount stands for the watch of the Secret.
func (s *simulation) touchAccount() {
	label := fmt.Sprint(s.intn(100))
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	if a := s.api.accounts["acme"]; a != nil {
		a = a.DeepCopy()
		a.Labels = map[string]string{"n": label}
		s.api.put(a)
	}
}

// failover replaces the process with another one, whose cache lags.
func (s *simulation) failover(graceful bool) {
	s.logf("%s the process is replaced, graceful: %v", time.Now().Format("04:05.000"), graceful)
	old := s.p
	if err := old.stop(graceful); err != nil {
		s.logf("stop: %v", err)
		s.repeats.Store(true)
	}
	s.api.mu.Lock()
	from := max(1, len(s.api.log)-s.intn(12))
	s.api.mu.Unlock()
	p := startProcess(s.t, s.api, s.dc, from)
	s.mu.Lock()
	s.p = p
	s.mu.Unlock()
}

func (s *simulation) repair() {
	s.logf("%s everything is repaired", time.Now().Format("04:05.000"))
	s.faults.Store(false)
	s.api.mu.Lock()
	s.api.secret = true
	s.api.mu.Unlock()
	s.repeats.Store(true) // resyncs are requested
	s.touchAccount()
	for range 100 { // the account is recreated if it was deleted
		s.api.mu.Lock()
		acme := s.api.accounts["acme"]
		s.api.mu.Unlock()
		if acme == nil {
			s.createAccount()
			break
		}
		if acme.DeletionTimestamp == nil {
			s.api.mu.Lock()
			a := s.api.accounts["acme"].DeepCopy()
			a.Generation++
			s.api.put(a)
			s.api.mu.Unlock()
			break
		}
		s.api.mu.Lock()
		for _, m := range s.api.mappings {
			m = m.DeepCopy()
			if m.DeletionTimestamp == nil {
				m.DeletionTimestamp = &metav1.Time{Time: time.Now()}
				m.Generation++
				s.api.put(m)
			}
		}
		s.api.mu.Unlock()
		<-time.After(time.Hour)
	}
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	for _, m := range s.api.mappings {
		m = m.DeepCopy()
		metav1.SetMetaDataAnnotation(&m.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, time.Now().Format(time.RFC3339Nano))
		s.api.put(m)
	}
}
