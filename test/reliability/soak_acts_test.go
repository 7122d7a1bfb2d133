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

// soakActs are what happens, and how often among a thousand steps.
var soakActs = []struct {
	name string
	of   int
	do   func(*soak)
}{
	{"edits", 670, (*soak).change},
	{"hand-overs", 80, (*soak).handOver},
	{"deletions", 60, (*soak).remove},
	{"suspensions and resumptions", 60, (*soak).suspend},
	{"faults", 50, (*soak).fault},
	{"drifts", 50, (*soak).drift},
	{"rotations", 16, func(s *soak) { s.rotate(time.Duration(s.random.IntN(1500)) * time.Millisecond) }},
	{"kills of the manager", 10, func(s *soak) { s.manager.kill() }},
	{"kills of the API server", 4, func(s *soak) { s.apiServer.kill(); s.pause(time.Second); s.apiServer.start() }},
}

// step does one thing, and waits for a moment.
func (s *soak) step() {
	s.pause(time.Duration(s.random.IntN(150)) * time.Millisecond)
	drawn := s.random.IntN(1000)
	for _, act := range soakActs {
		if drawn -= act.of; drawn < 0 {
			act.do(s)
			s.counts[act.name]++
			return
		}
	}
}

// change creates a mapping, or changes a group of it. Each agent has two, whose groups differ.
func (s *soak) change() {
	agent := s.random.IntN(soakAgents)
	first, second := fmt.Sprintf("a-%d", agent), fmt.Sprintf("b-%d", agent)
	if s.random.IntN(2) == 0 {
		first, second = second, first
	}
	id := fmt.Sprint(90 + s.random.IntN(8))
	if _, taken := s.declared[second][id]; taken {
		return
	}
	if _, there := s.declared[first]; !there {
		s.declared[first] = map[string]bool{}
	}
	if s.random.IntN(4) == 0 {
		delete(s.declared[first], id)
	} else {
		s.declared[first][id] = s.random.IntN(2) == 0
	}
	s.declare(first, agent)
}

// handOver has one mapping of an agent take a group from the other.
func (s *soak) handOver() {
	agent := s.random.IntN(soakAgents)
	giver, taker := fmt.Sprintf("a-%d", agent), fmt.Sprintf("b-%d", agent)
	if len(s.declared[giver]) == 0 || s.declared[taker] == nil {
		return
	}
	id := slices.Sorted(maps.Keys(s.declared[giver]))[0]
	s.declared[taker][id] = s.declared[giver][id]
	delete(s.declared[giver], id)
	if s.random.IntN(2) == 0 { // a conflict at first
		s.declare(taker, agent)
		s.declare(giver, agent)
		return
	}
	s.declare(giver, agent)
	s.declare(taker, agent)
}

func (s *soak) remove() {
	if len(s.declared) == 0 {
		return
	}
	name := s.anyone()
	// One that is suspended would go without a call, and leave its groups as they are.
	s.edit(name, func(m *v1alpha1.AgentGroupMapping) { m.Spec.Suspend = false })
	delete(s.declared, name)
	mapping := testenv.Mapping(name).In(s.namespace).Build()
	s.do(func() error { return client.IgnoreNotFound(admin.Delete(context.Background(), mapping)) })
}

func (s *soak) suspend() {
	if len(s.declared) == 0 {
		return
	}
	name := s.anyone()
	s.edit(name, func(m *v1alpha1.AgentGroupMapping) { m.Spec.Suspend = !m.Spec.Suspend })
}

func (s *soak) fault() {
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

// drift has somebody stop calls in DeepCall.
func (s *soak) drift() {
	agent := fmt.Sprint(s.random.IntN(soakAgents))
	holds := s.deepcall.Agent(agent)
	for id := range holds {
		holds[id] = "N"
	}
	if len(holds) > 0 {
		s.drifted[agent] = true
		s.deepcall.SetAgent(agent, holds)
	}
}

// rotate changes the token in DeepCall and, a while later, in the Secret.
func (s *soak) rotate(later time.Duration) {
	token := s.newToken()
	s.secrets = append(s.secrets, token)
	s.deepcall.RotateToken(s.secrets[0], token)
	s.pause(later)
	s.do(func() error {
		var secret corev1.Secret
		if err := admin.Get(context.Background(), client.ObjectKey{Namespace: s.namespace, Name: "acme-deepcall"}, &secret); err != nil {
			return err
		}
		secret.Data["token"] = []byte(token)
		return admin.Update(context.Background(), &secret)
	})
}

// declare creates a mapping, or edits it to what is declared.
func (s *soak) declare(name string, agent int) {
	s.edit(name, func(m *v1alpha1.AgentGroupMapping) {
		if m.ResourceVersion == "" {
			m.Spec.AccountRef.Name, m.Spec.AgentID = "acme", fmt.Sprint(agent)
		}
		m.Spec.Groups = nil
		for _, id := range slices.Sorted(maps.Keys(s.declared[name])) {
			m.Spec.Groups = append(m.Spec.Groups, v1alpha1.AgentGroup{GroupID: id, ReceiveCall: s.declared[name][id]})
		}
	})
}

// edit changes a mapping, after its former self of that name is gone.
func (s *soak) edit(name string, change func(*v1alpha1.AgentGroupMapping)) {
	ctx := context.Background()
	s.do(func() error {
		mapping := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}}
		err := admin.Get(ctx, client.ObjectKeyFromObject(mapping), mapping)
		switch {
		case apierrors.IsNotFound(err):
			change(mapping)
			return admin.Create(ctx, mapping)
		case err != nil:
			return err
		case mapping.DeletionTimestamp != nil:
			s.deepcall.ClearFaults() // or it may take its time: an account that fails is probed a minute apart
			s.deepcall.Release()
			return fmt.Errorf("%s is still being deleted", name)
		}
		change(mapping)
		return admin.Update(ctx, mapping)
	})
}

func (s *soak) anyone() string {
	names := slices.Sorted(maps.Keys(s.declared)) // in order, so that a seed draws the same again
	return names[s.random.IntN(len(names))]
}
