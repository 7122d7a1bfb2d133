package reliability

import (
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// operations implements the operations of a sequence. Only wait, recreate and save-state wait for the operator. An
// operation on an object that does not exist does nothing.
var operations map[string]func(*runner, operation)

func init() {
	operations = map[string]func(*runner, operation){
		// Mappings.
		"apply":    func(r *runner, o operation) { r.apply(o.On, parseSpec(o.To)) },
		"set":      func(r *runner, o operation) { r.edit(o.On, setGroups(o.To)) },
		"flip":     func(r *runner, o operation) { r.edit(o.On, flipGroup(o.To)) },
		"drop":     func(r *runner, o operation) { r.edit(o.On, dropGroup(o.To)) },
		"policy":   func(r *runner, o operation) { r.edit(o.On, setPolicy(v1alpha1.RemovalPolicy(o.To))) },
		"suspend":  func(r *runner, o operation) { r.edit(o.On, setSuspend(true)) },
		"resume":   func(r *runner, o operation) { r.edit(o.On, setSuspend(false)) },
		"resync":   func(r *runner, o operation) { r.requestResync(o.On) },
		"delete":   func(r *runner, o operation) { r.delete(o.On) },
		"recreate": func(r *runner, o operation) { r.recreate(o.On, o.To) },
		"invalid":  func(r *runner, o operation) { r.applyInvalid(o.On, o.To) },
		"copy":     func(r *runner, o operation) { r.copyMapping(o.To, o.On) },
		"forge":    func(r *runner, o operation) { r.forgeRecord(o.On) },
		"erase":    func(r *runner, o operation) { r.eraseRecords(o.On) },

		// Accounts.
		"secret":           func(r *runner, o operation) { r.setSecret(o.On, o.To) },
		"rotate":           func(r *runner, o operation) { r.rotate(o.On, o.To) },
		"move-account":     func(r *runner, o operation) { r.moveAccount(o.On, o.To) },
		"allow-namespaces": func(r *runner, o operation) { r.allowNamespaces(o.On, o.To) },
		"retry-account":    func(r *runner, o operation) { r.retryAccount(o.On) },
		"delete-account":   func(r *runner, o operation) { r.deleteAccount(o.On) },
		"create-account":   func(r *runner, o operation) { r.createAccount(o.On) },

		// DeepCall, and changes that others make there.
		"remove-group": func(r *runner, o operation) { r.removeGroup(o.On) },
		"add-group":    func(r *runner, o operation) { r.changeGroups(func(s *deepcalltest.Server) { s.AddGroups(o.On) }) },
		"remove-agent": func(r *runner, o operation) {
			r.model.drifted[o.On] = true
			r.onServers(func(s *deepcalltest.Server) { s.RemoveAgents(o.On) })
		},
		"add-agent":       func(r *runner, o operation) { r.onServers(func(s *deepcalltest.Server) { s.AddAgents(o.On) }) },
		"drift":           func(r *runner, o operation) { r.drift(o.On, o.To) },
		"block-account":   func(r *runner, o operation) { r.block(o.On, o.To, true) },
		"unblock-account": func(r *runner, o operation) { r.block(o.On, o.To, false) },
		"fault": func(r *runner, o operation) {
			r.onServers(func(s *deepcalltest.Server) { s.Script(serverFaults[o.To].ForAgent(o.On).Times(o.Times)) })
		},
		"bad-agent": func(r *runner, o operation) {
			r.onServers(func(s *deepcalltest.Server) { s.Script(serverFaults[o.To].ForAgent(o.On).Times(-1)) })
		},

		// The manager.
		"crash":   func(r *runner, _ operation) { r.crash() },
		"restart": func(r *runner, _ operation) { r.env.restart() },
		"inject": func(r *runner, o operation) {
			r.env.ledger.arm(r.env.current(), []fault{{o.Times, faultMode(o.To)}})
		},

		// The sequence itself.
		"wait":          func(r *runner, o operation) { r.waitEffects(o.Times) },
		"save-state":    func(r *runner, _ operation) { r.saveState() },
		"restore-state": func(r *runner, _ operation) { r.restoreState() },
	}
}

// serverFaults are DeepCall's faults. Answers about unknown groups and agents are not among them: remove-group and
// remove-agent cause these, and they are true.
var serverFaults = map[string]deepcalltest.Fault{
	"1501":         deepcalltest.Code(1501),
	"1501-applied": deepcalltest.Code(1501).AfterApplying(),
	"1015":         deepcalltest.Code(1015),
	"500":          deepcalltest.Status(500),
	"503":          deepcalltest.Status(503),
	"429":          deepcalltest.Status(429).RetryAfter("1"),
	"garbage":      deepcalltest.Body([]byte("<html>")),
	"hang":         deepcalltest.Hang(),
	"hang-applied": deepcalltest.Hang().AfterApplying(),
	"cut-before":   deepcalltest.CutBefore(),
	"cut-after":    deepcalltest.CutAfter(),
}

// parseSpec parses "90=Y 91=N Orphan suspended".
func parseSpec(text string) v1alpha1.AgentGroupMappingSpec {
	spec := v1alpha1.AgentGroupMappingSpec{RemovalPolicy: v1alpha1.RemovalPolicyStopCalls}
	var groups []string
	for _, field := range strings.Fields(text) {
		switch field {
		case string(v1alpha1.RemovalPolicyOrphan):
			spec.RemovalPolicy = v1alpha1.RemovalPolicyOrphan
		case "suspended":
			spec.Suspend = true
		default:
			groups = append(groups, field)
		}
	}
	spec.Groups = specGroups(strings.Join(groups, " "))
	return spec
}

// recreate deletes a mapping, and creates it again if the deletion ends soon.
func (r *runner) recreate(name, spec string) {
	r.delete(name)
	if r.env.poll(2*time.Second, func() bool { return r.mapping(name) == nil }) {
		r.apply(name, parseSpec(spec))
	}
}

// applyInvalid attempts a change that the API server must reject.
func (r *runner) applyInvalid(name, field string) {
	err := patch(r.env.ctx, r.env.key(name), &v1alpha1.AgentGroupMapping{}, func(m *v1alpha1.AgentGroupMapping) {
		switch field {
		case "group":
			setGroup("no group", true)(m)
		case "duplicate":
			m.Spec.Groups = slices.Concat(m.Spec.Groups, specGroups("90=Y"), specGroups("90=N"))
		case "agent":
			m.Spec.AgentID = "10"
		case "account":
			m.Spec.AccountRef.Name = "other"
		case "resync":
			m.Spec.ResyncInterval = &metav1.Duration{Duration: 5 * time.Second}
		}
	})
	if !apierrors.IsInvalid(err) && !apierrors.IsNotFound(err) {
		r.env.ledger.addViolation("the API server accepts an invalid %s of %s: %v", field, name, err)
	}
}

// removeGroup deletes a group in DeepCall.
func (r *runner) removeGroup(group string) {
	for agent, groups := range r.model.declaredByAgent {
		if groups[group] {
			r.model.drifted[agent] = true
		}
	}
	r.changeGroups(func(s *deepcalltest.Server) { s.RemoveGroups(group) })
}

// drift changes an agent's groups in DeepCall.
func (r *runner) drift(agent, text string) {
	r.model.drifted[agent] = true
	groups := parseGroups(text)
	r.server(agent).SetAgent(agent, groups)
	for id := range groups {
		r.model.release(agent, id, r.revision())
	}
}

// block makes DeepCall deny an account's user.
func (r *runner) block(account, how string, blocked bool) {
	r.onServers(func(s *deepcalltest.Server) {
		if how == "suspended" {
			s.Suspend(r.users[account], blocked)
		} else {
			s.Deny(r.users[account], blocked)
		}
	})
}

func (r *runner) onServers(do func(*deepcalltest.Server)) {
	for _, endpoint := range slices.Sorted(maps.Keys(r.servers)) {
		do(r.servers[endpoint])
	}
}

// crash kills the manager after its first reconcile. A manager that is killed before its caches are synced has sent
// nothing, and would wait behind its fence for them.
func (r *runner) crash() {
	if r.env.poll(5*time.Second, r.env.current().reconciles.any) {
		r.env.crash()
	}
}

// waitEffects waits for a number of effects, or until the manager is idle.
func (r *runner) waitEffects(effects int) {
	before := len(r.env.ledger.list())
	r.env.poll(time.Second, func() bool {
		since, idle := r.env.idleSince()
		return len(r.env.ledger.list()) >= before+effects || idle && time.Since(since) > 100*time.Millisecond
	})
}
