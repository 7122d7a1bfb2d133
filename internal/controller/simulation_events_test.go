package controller

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// newMeta returns the metadata of a new object, with another UID than those of former objects of the name.
func (s *simulation) newMeta(name string) metav1.ObjectMeta {
	s.names++
	return metav1.ObjectMeta{
		Namespace: simNamespace, Name: name, UID: types.UID(fmt.Sprintf("%s-%d", name, s.names)), Generation: 1, CreationTimestamp: metav1.Now(),
	}
}

func (s *simulation) createAccount() {
	a := &v1alpha1.DeepCallAccount{ObjectMeta: s.newMeta("acme")}
	a.Spec.Endpoint = "https://deepcall.example"
	a.Spec.CredentialsSecretRef.Name = "acme"
	a.Spec.Limits = v1alpha1.Limits{RequestsPerSecond: 5, Burst: 5, MaxInFlight: 3}
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	s.api.put(a)
}

// createMapping creates a mapping unless one has the name.
func (s *simulation) createMapping(name string) {
	m := &v1alpha1.AgentGroupMapping{ObjectMeta: s.newMeta(name)}
	m.Spec.AgentID = fmt.Sprint(s.intn(3))
	m.Spec.AccountRef.Name = "acme"
	m.Spec.RemovalPolicy = v1alpha1.RemovalPolicyStopCalls
	m.Spec.Groups = s.randomGroups()
	m.Status.ObservedGeneration = -1
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	if s.api.objects[keyOf(m, name)] != nil {
		return
	}
	s.api.put(m)
	s.dc.allowRemoval(m.Spec.AgentID)
	s.logf("%s of agent %s is created: %v", name, m.Spec.AgentID, m.Spec.Groups)
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

// editMapping changes a mapping as a user does, if it still exists. As in Kubernetes, an edit that changes nothing makes no version.
func (s *simulation) editMapping(name string, change func(*v1alpha1.AgentGroupMapping)) {
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	m := &v1alpha1.AgentGroupMapping{}
	if s.api.objects.read(name, m) != nil {
		return
	}
	before := m.DeepCopy()
	change(m)
	if equality.Semantic.DeepEqual(before, m) {
		return
	}
	s.api.put(m)
	if m.Generation > before.Generation {
		s.dc.allowRemoval(m.Spec.AgentID)
	}
}

func deleteMapping(m *v1alpha1.AgentGroupMapping) {
	if m.DeletionTimestamp == nil {
		m.DeletionTimestamp = new(metav1.Now())
		m.Generation++
	}
}

// editAccount changes the account, if there is one.
func (s *simulation) editAccount(change func(*v1alpha1.DeepCallAccount)) {
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	a := &v1alpha1.DeepCallAccount{}
	if s.api.objects.read("acme", a) == nil {
		change(a)
		s.api.put(a)
	}
}

// setSecret creates or deletes the Secret. The change of the account's label stands for the watch of the Secret.
func (s *simulation) setSecret(exists bool) {
	s.api.mu.Lock()
	s.api.secret = exists
	s.api.mu.Unlock()
	labels := map[string]string{"n": fmt.Sprint(s.intn(100))}
	s.editAccount(func(a *v1alpha1.DeepCallAccount) { a.Labels = labels })
}

func requestResync(meta *metav1.ObjectMeta) {
	metav1.SetMetaDataAnnotation(meta, v1alpha1.ReconcileRequestedAtAnnotation, time.Now().Format(time.RFC3339Nano))
}

func (s *simulation) event(mode string) {
	mappings, acme := s.api.mappings(), s.api.account()
	kind := s.intn(20)
	if len(mappings) == 0 || kind < 5 {
		s.createMapping(fmt.Sprintf("m%d", s.intn(6)))
		return
	}
	name := mappings[s.intn(len(mappings))].Name
	switch {
	case kind < 9:
		groups := s.randomGroups()
		s.logf("%s is edited: %v", name, groups)
		s.editMapping(name, func(m *v1alpha1.AgentGroupMapping) {
			m.Spec.Groups = groups
			m.Generation++
		})
	case kind < 12:
		s.logf("%s is deleted", name)
		s.editMapping(name, deleteMapping)
	case kind == 12:
		s.logf("%s is labelled", name)
		labels := map[string]string{"n": fmt.Sprint(s.intn(100))}
		s.editMapping(name, func(m *v1alpha1.AgentGroupMapping) { m.Labels = labels })
	case kind == 13 && acme != nil:
		s.logf("the account is edited")
		s.editAccount(func(a *v1alpha1.DeepCallAccount) { a.Generation++ })
	case kind == 14 && acme != nil && acme.DeletionTimestamp == nil:
		s.logf("the account is deleted")
		s.editAccount(func(a *v1alpha1.DeepCallAccount) { a.DeletionTimestamp = new(metav1.Now()) })
	case kind == 15 && acme == nil:
		s.logf("the account is created")
		s.createAccount()
	case kind == 16:
		s.logf("the Secret exists: %v", !s.api.secret)
		s.setSecret(!s.api.secret)
	case kind == 17:
		s.failover(true)
	case kind == 18 && mode != "no faults" && mode != "failing writes":
		s.repeats.Store(true)
		s.failover(false)
	case kind == 19 && acme != nil && s.intn(2) == 0:
		s.logf("a resync of all mappings is requested")
		s.repeats.Store(true) // it repeats
		s.editAccount(func(a *v1alpha1.DeepCallAccount) { requestResync(&a.ObjectMeta) })
	case kind == 19:
		s.logf("a resync of %s is requested", name)
		s.repeats.Store(true) // it repeats
		s.editMapping(name, func(m *v1alpha1.AgentGroupMapping) { requestResync(&m.ObjectMeta) })
	}
}

// failover replaces the process with another one, whose cache lags.
func (s *simulation) failover(graceful bool) {
	s.logf("the process is replaced, graceful: %v", graceful)
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
	s.logf("everything is repaired")
	s.faults.Store(false)
	s.repeats.Store(true) // resyncs are requested
	s.setSecret(true)
	for range 100 { // the account is recreated if it was deleted
		acme := s.api.account()
		if acme == nil {
			s.createAccount()
			break
		}
		if acme.DeletionTimestamp == nil {
			s.editAccount(func(a *v1alpha1.DeepCallAccount) { a.Generation++ })
			break
		}
		for _, m := range s.api.mappings() {
			s.editMapping(m.Name, deleteMapping)
		}
		<-time.After(time.Hour)
	}
	for _, m := range s.api.mappings() {
		s.editMapping(m.Name, func(m *v1alpha1.AgentGroupMapping) { requestResync(&m.ObjectMeta) })
	}
}
