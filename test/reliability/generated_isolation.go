package reliability

import (
	"maps"
	"slices"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// groupChange is the time of a change of DeepCall's groups.
type groupChange struct{ start, end time.Time }

// changeGroups changes which groups DeepCall has.
func (r *runner) changeGroups(change func(*deepcalltest.Server)) {
	c := groupChange{start: time.Now()}
	r.onServers(change)
	c.end = time.Now()
	r.groupChanges = append(r.groupChanges, c)
}

// releaseMisjudged releases the groups whose removal was being isolated while DeepCall's groups changed twice. Isolation
// concludes that the group of a removal does not exist (R6) if DeepCall rejects the removal together with a rest that
// it accepts both before and after. If another group is deleted and created again in between, isolation attributes
// the rejection to the wrong group, which then remains. The same is true for a single removal if the next request is
// the rest, and another group was created just before it.
func (r *runner) releaseMisjudged() {
	for agent := range r.model.declaredByAgent {
		requests := r.server(agent).RequestsFor(agent)
		for i, rejected := range requests {
			if rejected.Code != 1505 {
				continue
			}
			before := slices.Clone(requests[:i])
			slices.Reverse(before)
			for _, id := range possibleRemovals(rejected) {
				if r.misjudged(rejected, id, before, requests[i+1:]) {
					r.model.release(agent, id, r.revision())
				}
			}
		}
	}
}

// possibleRemovals returns the groups that a request sets to N, which include all its removals.
func possibleRemovals(request deepcalltest.Request) []string {
	var ids []string
	for id, value := range request.Groups {
		if value == "N" {
			ids = append(ids, id)
		}
	}
	return ids
}

// misjudged reports whether DeepCall's groups changed twice while a removal was isolated, or once before the next
// request.
func (r *runner) misjudged(rejected deepcalltest.Request, id string, before, after []deepcalltest.Request) bool {
	rest := maps.Clone(rejected.Groups)
	delete(rest, id)
	former, foundBefore := firstAccepted(rest, id, before)
	latter, foundAfter := firstAccepted(rest, id, after)
	isNext := foundAfter && len(after) > 0 && after[0].Start.Equal(latter.Start)
	return foundBefore && foundAfter && r.changesBetween(former, latter) > 1 || isNext && r.changesBetween(rejected, latter) > 0
}

// firstAccepted returns the first request in which DeepCall accepted the rest, alone or with other removals. It
// returns false if DeepCall first accepted the removal with the rest, or rejected the rest alone.
func firstAccepted(rest map[string]string, id string, requests []deepcalltest.Request) (deepcalltest.Request, bool) {
	for _, request := range requests {
		common := maps.Clone(request.Groups)
		maps.DeleteFunc(common, func(group, _ string) bool { return rest[group] == "" })
		switch {
		case request.Fault != "" || request.ClientGone || !maps.Equal(common, rest):
		case request.Code == 200:
			return request, request.Groups[id] == ""
		case request.Code == 1505 && maps.Equal(request.Groups, rest):
			return request, false
		}
	}
	return deepcalltest.Request{}, false
}

// changesBetween counts the changes of DeepCall's groups between two requests.
func (r *runner) changesBetween(former, latter deepcalltest.Request) int {
	changes := 0
	for _, c := range r.groupChanges {
		if c.end.After(former.Start) && (latter.End.IsZero() || c.start.Before(latter.End)) {
			changes++
		}
	}
	return changes
}
