package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// day returns the creation time of a mapping: the lower n, the older.
func day(n int) time.Time {
	return time.Date(2026, time.March, n, 9, 0, 0, 0, time.UTC)
}

// groups parses "90=Y 91=N".
func groups(text string) Groups {
	parsed := Groups{}
	for _, field := range strings.Fields(text) {
		group, value, _ := strings.Cut(field, "=")
		parsed[group] = value == "Y"
	}
	return parsed
}

// manyGroups returns n groups from an ID on, such as "100=Y 101=Y ".
func manyGroups(first, n int) string {
	var list strings.Builder
	for group := range n {
		fmt.Fprintf(&list, "%d=Y ", first+group)
	}
	return list.String()
}

// text is the inverse of groups.
func text(groups Groups) string {
	fields := make([]string, 0, len(groups))
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		value := "N"
		if groups[group] {
			value = "Y"
		}
		fields = append(fields, group+"="+value)
	}
	return strings.Join(fields, " ")
}

// describe formats a change as "send 90=Y; remove 91; hand over 92=Y; conflict 93; pending; status only".
func describe(c change) string {
	var parts []string
	add := func(verb, groups string) {
		if groups != "" {
			parts = append(parts, verb+" "+groups)
		}
	}
	add("send", text(c.desired))
	add("remove", strings.Join(c.removals, " "))
	add("hand over", text(c.handingOver))
	add("conflict", strings.Join(c.conflicts, " "))
	if c.pending {
		parts = append(parts, "pending")
	}
	if c.statusOnly {
		parts = append(parts, "status only")
	}
	return strings.Join(parts, "; ")
}

// inputOf returns the input of a mapping that declares some groups and has applied others.
func inputOf(name, desired, applied string, options ...func(*input)) input {
	in := input{name: name, desired: groups(desired), applied: groups(applied)}
	for _, option := range options {
		option(&in)
	}
	return in
}

// These are options of inputOf.
func orphan(in *input)                          { in.orphan = true }
func deleting(in *input)                        { in.deleting, in.desired = true, nil }
func unconfirmed(in *input)                     { in.unconfirmed = true }
func elsewhere(in *input)                       { in.appliedElsewhere = true }
func due(in *input)                             { in.resyncDue = true }
func created(age int) func(*input)              { return func(in *input) { in.created = day(age) } }
func held(h hold) func(*input)                  { return func(in *input) { in.hold = h } }
func pending(group string) func(*input)         { return func(in *input) { in.pendingAdds = []string{group} } }
func isolating(i RemovalIsolation) func(*input) { return func(in *input) { in.isolation = i } }

func lines[T any](items []T) string {
	out := make([]string, 0, len(items))
	for _, item := range items {
		out = append(out, fmt.Sprint(item))
	}
	return strings.Join(out, "\n")
}

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// eachReading runs a test with an agent under both readings of DeepCall's page.
func eachReading(t *testing.T, name string, test func(t *testing.T, a *agent)) {
	t.Helper()
	t.Run(name+", where DeepCall merges", func(t *testing.T) { test(t, newAgent(false)) })
	t.Run(name+", where DeepCall replaces", func(t *testing.T) { test(t, newAgent(true)) })
}

// inBothOrders plans the inputs as given and reversed: the cache lists mappings in any order.
func inBothOrders(t *testing.T, inputs []input, check func(t *testing.T, inputs []input, changes []change)) {
	t.Helper()
	reversed := slices.Clone(inputs)
	slices.Reverse(reversed)
	check(t, inputs, computeChanges(inputs))
	if len(inputs) > 1 {
		check(t, reversed, computeChanges(reversed))
	}
}

func indexOf(inputs []input, name string) int {
	return slices.IndexFunc(inputs, func(in input) bool { return in.name == name })
}

// expectChange expects the change of a mapping to be as described, in either order.
func expectChange(t *testing.T, inputs []input, name, want string) {
	t.Helper()
	inBothOrders(t, inputs, func(t *testing.T, inputs []input, changes []change) {
		t.Helper()
		expect(t, "the change of "+name, describe(changes[indexOf(inputs, name)]), want)
	})
}

// run sends everything that is to be sent, and returns the number of requests.
func (a *agent) run(limit int) (requests int, err error) {
	for a.step(answered, nothing) {
		if requests++; requests > limit {
			return requests, fmt.Errorf("more than %d requests, the last ones\n%s", limit, lines(a.requests[len(a.requests)-min(10, len(a.requests)):]))
		}
	}
	return requests, nil
}

// runAll sends everything that is to be sent.
func (a *agent) runAll(t *testing.T) {
	t.Helper()
	if _, err := a.run(20); err != nil {
		t.Fatal(err)
	}
}

// expectRequests sends all planned requests, and expects these. An argument can contain several, joined by "; ".
func (a *agent) expectRequests(t *testing.T, requests ...string) {
	t.Helper()
	a.requests = nil
	a.runAll(t)
	expect(t, "the requests", strings.Join(a.requests, "; "), strings.Join(requests, "; "))
}

// expectGroups expects DeepCall to have these values. A group that it does not have receives no calls.
func (a *agent) expectGroups(t *testing.T, want string) {
	t.Helper()
	for group, receives := range groups(want) {
		if got := a.groups[group]; got != receives {
			t.Errorf("DeepCall has %s=%v after\n%s", group, got, lines(a.requests))
		}
	}
}
