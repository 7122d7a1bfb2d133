package year

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// disturb edits mappings, pauses and ends processes, and deletes the lease, all at random.
func (e *leadersEnv) disturb(length time.Duration) {
	for end := time.Now().Add(length); time.Now().Before(end); {
		e.advance(time.Duration(e.rng.Int64N(int64(time.Second))))
		e.edit(e.rng.IntN(leaderAgents))
		switch n := e.rng.IntN(200); {
		case n < 8:
			e.pause()
		case n < 10:
			e.deleteLease()
		case n == 10:
			e.kill()
		case n == 11:
			e.shutDown()
		case n == 12:
			e.pauseTwoLeaders()
		case n < 18:
			e.setSlow(n%2 == 0)
		}
	}
}

// randomReplica returns the leader three times in four, else any replica.
func (e *leadersEnv) randomReplica() *replica {
	chosen := e.rng.IntN(4 * len(e.replicas))
	if leader := e.replicaNamed(e.leaseHolder()); leader != nil && chosen >= len(e.replicas) {
		return leader
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.replicas[chosen%len(e.replicas)]
}

func (e *leadersEnv) replicaNamed(name string) *replica {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.replicas {
		if r.name == name {
			return r
		}
	}
	return nil
}

func (e *leadersEnv) random(limit time.Duration) time.Duration {
	return time.Duration(e.rng.Int64N(int64(limit)))
}

// pause pauses a process for a time that is often close to the duration or the renew deadline of the lease.
func (e *leadersEnv) pause() {
	e.pauseFor(e.randomReplica(), []time.Duration{
		e.random(3 * time.Second),
		renewDeadline - 2*time.Second + e.random(4*time.Second),
		leaseDuration - 2*time.Second + e.random(8*time.Second),
		leaseDuration + e.random(35*time.Second),
	}[e.rng.IntN(4)])
}

// pauseFor pauses a process at a random point.
func (e *leadersEnv) pauseFor(r *replica, duration time.Duration) {
	at := pausePoints[e.rng.IntN(len(pausePoints))]
	if !r.gate.isPaused() {
		r.gate.pause(at, duration)
	}
}

// pauseTwoLeaders pauses a leader until there is the next one, pauses that, too, and lets the first continue. The lease may be
// missing at that time.
func (e *leadersEnv) pauseTwoLeaders() {
	former := e.replicaNamed(e.leaseHolder())
	if former == nil || former.gate.isPaused() {
		return
	}
	former.gate.pause(pausePoints[e.rng.IntN(len(pausePoints))], 2*leaseDuration)
	for end := time.Now().Add(2 * leaseDuration); time.Now().Before(end); {
		e.advance(time.Second)
		e.edit(e.rng.IntN(leaderAgents))
		if next := e.replicaNamed(e.leaseHolder()); next != nil && next != former {
			e.advance(e.random(4 * time.Second))
			e.pauseFor(next, e.random(renewDeadline))
			if e.rng.IntN(2) == 0 {
				e.deleteLease()
			}
			e.advance(e.random(time.Second))
			break
		}
	}
	former.gate.resumeNow()
}

func (e *leadersEnv) deleteLease() {
	if _, err := e.apiServer.delete(leaseKind, leaseKey); !apierrors.IsNotFound(err) {
		e.must(err)
		e.stats.LeaseDeletions++
		e.record("the lease is deleted")
	}
}

func (e *leadersEnv) kill() {
	r := e.randomReplica()
	if !r.isCandidate.Load() {
		return
	}
	e.stats.Kills++
	e.record("%s is killed", r.name)
	r.gate.kill()
	r.stop()
}

// shutDown ends a process as a rollout does.
func (e *leadersEnv) shutDown() {
	r := e.randomReplica()
	if !r.isCandidate.Load() {
		return
	}
	e.stats.Shutdowns++
	e.record("%s is asked to stop", r.name)
	r.stop()
}

// edit changes the groups of an agent, so that they show which edit they are from.
func (e *leadersEnv) edit(agent int) {
	e.edits++
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"groups": encodeEdit(agent, e.edits)}})
	e.must(err)
	e.must(e.admin.Patch(e.t.Context(), &v1alpha1.AgentGroupMapping{
		ObjectMeta: metav1.ObjectMeta{Namespace: "support", Name: fmt.Sprintf("m%d", agent)},
	}, client.RawPatch(types.MergePatchType, patch)))
}

const (
	editBits  = 12
	bitPrefix = "bit-"
)

// encodeEdit returns groups from which decodeEdit returns the edit. For half of the agents, every edit declares a new group, which
// is recorded before the request. For the others, it only changes the values of the same groups.
func encodeEdit(agent, edit int) (groups []v1alpha1.AgentGroup) {
	if agent%2 == 0 {
		return []v1alpha1.AgentGroup{{GroupID: strconv.Itoa(edit), ReceiveCall: true}}
	}
	for bit := range editBits {
		groups = append(groups, v1alpha1.AgentGroup{GroupID: bitPrefix + strconv.Itoa(bit), ReceiveCall: edit>>bit&1 == 1})
	}
	return groups
}

func decodeEdit(groups map[string]string) (edit int) {
	for id, receives := range groups {
		if receives != "Y" {
			continue
		}
		if bit, ok := strings.CutPrefix(id, bitPrefix); ok {
			n, _ := strconv.Atoi(bit)
			edit |= 1 << n
		} else if n, _ := strconv.Atoi(id); n > edit {
			edit = n
		}
	}
	return edit
}
