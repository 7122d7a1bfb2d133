package reliability

import (
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// acts are what the operations of a story do. None waits for the operator but wait, recreate and remember.
// What makes no sense at that moment, since an object is not there, does nothing.
var acts map[string]func(*stage, operation)

func init() {
	acts = map[string]func(*stage, operation){
		// People, and their mappings.
		"apply": func(p *stage, o operation) { p.apply(o.On, specOf(o.To)) },
		"set":   func(p *stage, o operation) { p.edit(o.On, func(m *v1alpha1.AgentGroupMapping) { setAll(m, o.To) }) },
		"flip":  func(p *stage, o operation) { p.edit(o.On, flips(o.To)) },
		"drop":  func(p *stage, o operation) { p.edit(o.On, drops(o.To)) },
		"policy": func(p *stage, o operation) {
			p.edit(o.On, policy(v1alpha1.RemovalPolicy(o.To)))
		},
		"suspend":  func(p *stage, o operation) { p.edit(o.On, suspends(true)) },
		"resume":   func(p *stage, o operation) { p.edit(o.On, suspends(false)) },
		"request":  func(p *stage, o operation) { p.request(o.On) },
		"delete":   func(p *stage, o operation) { p.delete(o.On) },
		"recreate": func(p *stage, o operation) { p.recreate(o.On, o.To) },
		"invalid":  func(p *stage, o operation) { p.invalid(o.On, o.To) },

		// People, and their accounts.
		"secret":  func(p *stage, o operation) { p.secretBecomes(o.On, o.To) },
		"rotate":  func(p *stage, o operation) { p.rotate(o.On, o.To) },
		"move":    func(p *stage, o operation) { p.move(o.On, o.To) },
		"allow":   func(p *stage, o operation) { p.allow(o.On, o.To) },
		"retry":   func(p *stage, o operation) { p.retry(o.On) },
		"abolish": func(p *stage, o operation) { p.abolish(o.On) },
		"found":   func(p *stage, o operation) { p.found(o.On) },

		// DeepCall, and others who change things there.
		"vanish": func(p *stage, o operation) { p.vanish(o.On) },
		"return": func(p *stage, o operation) { p.turn(func(s *deepcalltest.Server) { s.AddGroups(o.On) }) },
		"dismiss": func(p *stage, o operation) {
			p.book.drifted[o.On] = true
			p.everywhere(func(s *deepcalltest.Server) { s.RemoveAgents(o.On) })
		},
		"hire":  func(p *stage, o operation) { p.everywhere(func(s *deepcalltest.Server) { s.AddAgents(o.On) }) },
		"drift": func(p *stage, o operation) { p.drift(o.On, o.To) },
		"ban":   func(p *stage, o operation) { p.ban(o.On, o.To, true) },
		"unban": func(p *stage, o operation) { p.ban(o.On, o.To, false) },
		"fault": func(p *stage, o operation) {
			p.everywhere(func(s *deepcalltest.Server) { s.Script(faults[o.To].ForAgent(o.On).Times(o.Times)) })
		},

		// The manager.
		"crash":   func(p *stage, _ operation) { p.crash() },
		"restart": func(p *stage, _ operation) { p.w.restart() },
		"strike": func(p *stage, o operation) {
			p.w.ledger.arm(p.w.running(), []strike{{o.Times, mode(o.To)}})
		},

		// The story itself.
		"wait":     func(p *stage, o operation) { p.pause(o.Times) },
		"remember": func(p *stage, _ operation) { p.remember() },
		"revert":   func(p *stage, _ operation) { p.revert() },
	}
}

// faults are what may come over a call. Those that name a group or an agent are not among them: that is
// what vanish and dismiss are for, which are true.
var faults = map[string]deepcalltest.Fault{
	"1501":       deepcalltest.Code(1501),
	"1501-lie":   deepcalltest.Code(1501).AfterApplying(),
	"500":        deepcalltest.Status(500),
	"429":        deepcalltest.Status(429).RetryAfter("1"),
	"garbage":    deepcalltest.Body([]byte("<html>")),
	"hang":       deepcalltest.Hang(),
	"hang-after": deepcalltest.Hang().AfterApplying(),
	"cut":        deepcalltest.CutBefore(),
	"cut-after":  deepcalltest.CutAfter(),
}

// specOf reads "90=Y 91=N Orphan suspended".
func specOf(words string) v1alpha1.AgentGroupMappingSpec {
	spec := v1alpha1.AgentGroupMappingSpec{RemovalPolicy: v1alpha1.RemovalPolicyStopCalls}
	var groups []string
	for _, word := range strings.Fields(words) {
		switch word {
		case string(v1alpha1.RemovalPolicyOrphan):
			spec.RemovalPolicy = v1alpha1.RemovalPolicyOrphan
		case "suspended":
			spec.Suspend = true
		default:
			groups = append(groups, word)
		}
	}
	spec.Groups = groupsOf(strings.Join(groups, " "))
	return spec
}

func setAll(m *v1alpha1.AgentGroupMapping, words string) {
	for id, receives := range parse(words) {
		sets(id, receives == "Y")(m)
	}
}

func flips(id string) change {
	return func(m *v1alpha1.AgentGroupMapping) {
		for i := range m.Spec.Groups {
			if group := &m.Spec.Groups[i]; group.GroupID == id {
				group.ReceiveCall = !group.ReceiveCall
			}
		}
	}
}

// recreate deletes a mapping, and creates it again if it goes soon.
func (p *stage) recreate(name, words string) {
	p.delete(name)
	if p.soon(2*time.Second, func() bool { return p.mapping(name) == nil }) {
		p.apply(name, specOf(words))
	}
}

// invalid tries a change that the API server must refuse.
func (p *stage) invalid(name, what string) {
	mapping := p.mapping(name)
	if mapping == nil {
		return
	}
	base := mapping.DeepCopy()
	switch what {
	case "group":
		sets("no group", true)(mapping)
	case "twice":
		mapping.Spec.Groups = append(mapping.Spec.Groups, groupsOf("90=Y")...)
		mapping.Spec.Groups = append(mapping.Spec.Groups, groupsOf("90=N")...)
	case "agent":
		mapping.Spec.AgentID = "10"
	case "account":
		mapping.Spec.AccountRef.Name = "other"
	case "resync":
		mapping.Spec.ResyncInterval = &metav1.Duration{Duration: 5 * time.Second}
	}
	if err := admin.Patch(p.w.context, mapping, client.MergeFrom(base)); !apierrors.IsInvalid(err) && !apierrors.IsNotFound(err) {
		p.w.ledger.violate("the API server takes an invalid %s of %s: %v", what, name, err)
	}
}

// vanish deletes a group in DeepCall.
func (p *stage) vanish(group string) {
	for agent, groups := range p.book.everAgent {
		if groups[group] {
			p.book.drifted[agent] = true
		}
	}
	p.turn(func(s *deepcalltest.Server) { s.RemoveGroups(group) })
}

// drift changes an agent's groups in DeepCall behind the operator's back.
func (p *stage) drift(agent, words string) {
	p.book.drifted[agent] = true
	groups := parse(words)
	p.server(agent).SetAgent(agent, groups)
	for id := range groups {
		p.book.loosen(agent, id, p.revision())
	}
}

// ban has DeepCall refuse an account's user.
func (p *stage) ban(account, how string, banned bool) {
	p.everywhere(func(s *deepcalltest.Server) {
		if how == "suspended" {
			s.Suspend(p.users[account], banned)
		} else {
			s.Deny(p.users[account], banned)
		}
	})
}

func (p *stage) everywhere(do func(*deepcalltest.Server)) {
	for _, place := range slices.Sorted(maps.Keys(p.deepCalls)) {
		do(p.deepCalls[place])
	}
}

// crash kills the manager once it is at work. One that dies before its caches are filled has done nothing,
// and would wait for them for ever, behind its fence.
func (p *stage) crash() {
	diary := p.w.running().diaries
	works := p.soon(5*time.Second, func() bool {
		diary.mu.Lock()
		defer diary.mu.Unlock()
		return len(diary.seen) > 0
	})
	if works {
		p.w.crash()
	}
}

// pause lets the manager get on: by so many effects, or until it has nothing to do.
func (p *stage) pause(effects int) {
	before := len(p.w.ledger.look())
	p.soon(time.Second, func() bool {
		since, idle := p.w.idleSince()
		return len(p.w.ledger.look()) >= before+effects || idle && time.Since(since) > 100*time.Millisecond
	})
}

// soon waits for a condition for a limited time. It is asked after every change, and now and then.
func (p *stage) soon(atMost time.Duration, done func() bool) bool {
	end := time.NewTimer(atMost)
	defer end.Stop()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		changed := p.w.bell.next()
		if done() {
			return true
		}
		select {
		case <-changed:
		case <-look.C:
		case <-end.C:
			return false
		}
	}
}
