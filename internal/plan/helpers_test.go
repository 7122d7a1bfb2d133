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

func lines[T any](items []T) string {
	out := make([]string, 0, len(items))
	for _, item := range items {
		out = append(out, fmt.Sprint(item))
	}
	return strings.Join(out, "\n")
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// eachReading runs a test under both readings of DeepCall's page.
func eachReading(t *testing.T, name string, test func(t *testing.T, replaces bool)) {
	t.Helper()
	t.Run(name+", where DeepCall merges", func(t *testing.T) { test(t, false) })
	t.Run(name+", where DeepCall replaces", func(t *testing.T) { test(t, true) })
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

func indexOf(t *testing.T, inputs []input, name string) int {
	t.Helper()
	i := slices.IndexFunc(inputs, func(in input) bool { return in.name == name })
	if i < 0 {
		t.Fatalf("there is no mapping %q", name)
	}
	return i
}

// expectChange expects the change of a mapping to be as described, in either order.
func expectChange(t *testing.T, inputs []input, name, want string) {
	t.Helper()
	inBothOrders(t, inputs, func(t *testing.T, inputs []input, changes []change) {
		t.Helper()
		expect(t, "the change of "+name, describe(changes[indexOf(t, inputs, name)]), want)
	})
}

// expectRequest expects the request for a mapping to contain these groups, in either order.
func expectRequest(t *testing.T, inputs []input, name, want string) {
	t.Helper()
	inBothOrders(t, inputs, func(t *testing.T, inputs []input, changes []change) {
		t.Helper()
		self := indexOf(t, inputs, name)
		expect(t, "the request for "+name, text(newRequest(inputs, changes, self).Groups), want)
	})
}

// expectNext expects this mapping to be next, in either order; "" for none.
func expectNext(t *testing.T, inputs []input, want string) {
	t.Helper()
	inBothOrders(t, inputs, func(t *testing.T, inputs []input, changes []change) {
		t.Helper()
		got := ""
		if next := nextOf(inputs, changes, false); next >= 0 {
			got = inputs[next].name
		}
		expect(t, "the next mapping", got, want)
	})
}
