//go:build long

package reliability

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// soakOperations are the operations of the soak. The weights add up to 1000.
var soakOperations = []struct {
	name   string
	weight int
	do     func(*soak)
}{
	{"edits", 670, (*soak).editMapping},
	{"handovers", 80, (*soak).handOver},
	{"deletions", 60, (*soak).deleteMapping},
	{"suspensions and resumptions", 60, (*soak).toggleSuspend},
	{"faults", 50, (*soak).addFault},
	{"drifts", 50, (*soak).drift},
	{"rotations", 16, func(s *soak) { s.rotate(time.Duration(s.random.IntN(1500)) * time.Millisecond) }},
	{"kills of the manager", 10, func(s *soak) { s.manager.kill() }},
	{"kills of the API server", 4, func(s *soak) { s.apiServer.kill(); s.pause(time.Second); s.apiServer.start() }},
}

// step pauses, then runs a random operation.
func (s *soak) step() {
	s.pause(time.Duration(s.random.IntN(150)) * time.Millisecond)
	n := s.random.IntN(1000)
	for _, op := range soakOperations {
		if n -= op.weight; n < 0 {
			op.do(s)
			s.counts[op.name]++
			return
		}
	}
}

// editMapping creates a mapping, or changes a group of it. Each agent has two mappings with different groups.
func (s *soak) editMapping() {
	agent := s.random.IntN(soakAgents)
	first, second := fmt.Sprintf("a-%d", agent), fmt.Sprintf("b-%d", agent)
	if s.random.IntN(2) == 0 {
		first, second = second, first
	}
	id := fmt.Sprint(90 + s.random.IntN(8))
	if _, declared := s.declared[second][id]; declared {
		return
	}
	if _, exists := s.declared[first]; !exists {
		s.declared[first] = map[string]bool{}
	}
	if s.random.IntN(4) == 0 {
		delete(s.declared[first], id)
	} else {
		s.declared[first][id] = s.random.IntN(2) == 0
	}
	s.declare(first, agent)
}

// handOver hands a group over from one mapping of an agent to the other.
func (s *soak) handOver() {
	agent := s.random.IntN(soakAgents)
	from, to := fmt.Sprintf("a-%d", agent), fmt.Sprintf("b-%d", agent)
	if len(s.declared[from]) == 0 || s.declared[to] == nil {
		return
	}
	id := slices.Sorted(maps.Keys(s.declared[from]))[0]
	s.declared[to][id] = s.declared[from][id]
	delete(s.declared[from], id)
	if s.random.IntN(2) == 0 { // a conflict at first
		from, to = to, from
	}
	s.declare(from, agent)
	s.declare(to, agent)
}

func (s *soak) deleteMapping() {
	if len(s.declared) == 0 {
		return
	}
	name := s.randomMapping()
	// The groups of a suspended mapping would not be removed.
	s.edit(name, setSuspend(false))
	delete(s.declared, name)
	mapping := testenv.Mapping(name).In(s.namespace).Build()
	s.retry(func() error { return client.IgnoreNotFound(k8sClient.Delete(context.Background(), mapping)) })
}

func (s *soak) toggleSuspend() {
	if len(s.declared) == 0 {
		return
	}
	s.edit(s.randomMapping(), func(m *v1alpha1.AgentGroupMapping) { m.Spec.Suspend = !m.Spec.Suspend })
}

func (s *soak) addFault() {
	faults := []deepcalltest.Fault{
		deepcalltest.Code(1501), deepcalltest.Status(500), deepcalltest.Status(503).RetryAfter("1"), deepcalltest.Status(429).RetryAfter("1"),
		deepcalltest.CutBefore(), deepcalltest.CutAfter(), deepcalltest.Hang().AfterApplying(), deepcalltest.Hang(),
		deepcalltest.Body([]byte("<html>busy</html>")), deepcalltest.Body([]byte("busy")).AfterApplying(), deepcalltest.Drip(time.Millisecond),
	}
	s.deepcall.Script(faults[s.random.IntN(len(faults))].Times(1 + s.random.IntN(3)))
	if s.random.IntN(4) == 0 {
		s.deepcall.Release()
	}
}

// drift sets all groups of an agent to N in DeepCall.
func (s *soak) drift() {
	agent := fmt.Sprint(s.random.IntN(soakAgents))
	groups := s.deepcall.Agent(agent)
	for id := range groups {
		groups[id] = "N"
	}
	if len(groups) > 0 {
		s.drifted[agent] = true
		s.deepcall.SetAgent(agent, groups)
	}
}

// rotate changes the token in DeepCall and, after a delay, in the Secret.
func (s *soak) rotate(delay time.Duration) {
	token := s.newToken()
	s.secrets = append(s.secrets, token)
	s.deepcall.RotateToken(s.secrets[0], token)
	s.pause(delay)
	s.retry(func() error {
		var secret corev1.Secret
		if err := k8sClient.Get(context.Background(), client.ObjectKey{Namespace: s.namespace, Name: "acme-deepcall"}, &secret); err != nil {
			return err
		}
		secret.Data["token"] = []byte(token)
		return k8sClient.Update(context.Background(), &secret)
	})
}

// declare creates or edits a mapping with the declared groups.
func (s *soak) declare(name string, agent int) {
	s.edit(name, func(m *v1alpha1.AgentGroupMapping) {
		if m.ResourceVersion == "" {
			m.Spec.AccountRef.Name, m.Spec.AgentID = "acme", fmt.Sprint(agent)
		}
		m.Spec.Groups = []v1alpha1.AgentGroup{}
		for _, id := range slices.Sorted(maps.Keys(s.declared[name])) {
			m.Spec.Groups = append(m.Spec.Groups, v1alpha1.AgentGroup{GroupID: id, ReceiveCall: s.declared[name][id]})
		}
	})
}

// edit creates or edits a mapping, after a former mapping of the same name is deleted.
func (s *soak) edit(name string, change mutation) {
	ctx := context.Background()
	s.retry(func() error {
		mapping := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}}
		err := k8sClient.Get(ctx, client.ObjectKeyFromObject(mapping), mapping)
		switch {
		case apierrors.IsNotFound(err):
			change(mapping)
			return k8sClient.Create(ctx, mapping)
		case err != nil:
			return err
		case mapping.DeletionTimestamp != nil:
			s.deepcall.ClearFaults() // a failing account is probed up to a minute apart
			s.deepcall.Release()
			return fmt.Errorf("%s is still being deleted", name)
		}
		change(mapping)
		return k8sClient.Update(ctx, mapping)
	})
}

func (s *soak) randomMapping() string {
	names := slices.Sorted(maps.Keys(s.declared)) // sorted, so that the seed determines the mapping
	return names[s.random.IntN(len(names))]
}
