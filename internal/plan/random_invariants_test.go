package plan

import (
	"fmt"
	"maps"
)

// checkInvariants checks what holds at every moment.
func (h *history) checkInvariants() error {
	p, restarted := h.planner(), newPlanner(h.snapshot(), State{})
	for group, receives := range h.groups {
		known, knownAfterRestart := !receives || h.left[group], !receives || h.left[group]
		for i := range p.inputs {
			known = known || p.inputs[i].held()[group]
			knownAfterRestart = knownAfterRestart || restarted.inputs[i].held()[group]
		}
		if !known || !knownAfterRestart {
			return fmt.Errorf("group %s receives calls, and no mapping has it applied or pending: known %v, after a restart %v", group, known, knownAfterRestart)
		}
	}
	for i, in := range p.inputs {
		if in.deleting || p.changes[i].pending || in.rejected {
			continue
		}
		for group, receives := range p.changes[i].desired {
			if value, has := h.groups[group]; !h.drifted[group] && (!has || value != receives) {
				return fmt.Errorf("%s counts as applied with %s=%v, while DeepCall has %v (%v)", in.name, group, receives, value, has)
			}
		}
	}
	return nil
}

// checkCarried checks that a request enables no group for another mapping that an earlier one disabled.
func (h *history) checkCarried(next Next) error {
	for group, receives := range next.Groups {
		_, changed := next.change.applied()[group]
		value, known := h.confirmed[group]
		if receives && known && !value && !h.drifted[group] && (!changed || next.mappingIsolation != nil) {
			return fmt.Errorf("the request %s enables group %s again", text(next.Groups), group)
		}
	}
	return nil
}

// confirm updates the values of the last accepted requests.
func (h *history) confirm(next Next, what fate) {
	if what != answered || h.lastAccepted && h.replaces {
		h.confirmed = Groups{}
	}
	if what == answered && h.lastAccepted {
		maps.Copy(h.confirmed, next.Groups)
	}
}

// checkEnd checks what holds once everything is sent.
func (h *history) checkEnd() error {
	p := h.planner()
	declared := map[string]bool{}
	owner := map[string]string{}
	for i, m := range p.Mappings {
		in := p.inputs[i]
		if in.deleting {
			return fmt.Errorf("the deletion of %s has not ended", m.Name)
		}
		if !maps.Equal(in.applied, p.changes[i].desired) || len(in.pendingAdds) > 0 && len(in.applied) > 0 {
			return fmt.Errorf("%s has applied %s, pending %v, and desires %s", m.Name, text(in.applied), in.pendingAdds, text(p.changes[i].desired))
		}
		for group := range toGroups(m.Spec.Groups) {
			declared[group] = true
		}
		for group, receives := range in.applied {
			if other, owned := owner[group]; owned {
				return fmt.Errorf("both %s and %s have applied group %s", other, m.Name, group)
			}
			owner[group] = m.Name
			if got, has := h.groups[group]; !has || got != receives || in.desired[group] != receives {
				return fmt.Errorf("DeepCall has %s=%v (%v), %s applied %v", group, got, has, m.Name, receives)
			}
		}
	}
	for group := range declared {
		if owner[group] == "" {
			return fmt.Errorf("group %s is declared, and no mapping has applied it", group)
		}
	}
	for group, receives := range h.groups {
		if receives && !declared[group] && !h.left[group] {
			return fmt.Errorf("group %s is not declared, and receives calls", group)
		}
	}
	return nil
}
