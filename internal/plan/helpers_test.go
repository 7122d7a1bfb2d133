package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// day is when a source came to be: the lower, the older.
func day(n int) time.Time {
	return time.Date(2026, time.March, n, 9, 0, 0, 0, time.UTC)
}

// groups reads "90=Y 91=N".
func groups(text string) Groups {
	parsed := Groups{}
	for _, field := range strings.Fields(text) {
		group, value, _ := strings.Cut(field, "=")
		parsed[group] = value == "Y"
	}
	return parsed
}

// text is the reverse of groups.
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

// describe writes a change in words: "send 90=Y; stop 91; keep 92=Y; yield 93; pending; outdated".
func describe(c change) string {
	var parts []string
	add := func(verb, what string) {
		if what != "" {
			parts = append(parts, verb+" "+what)
		}
	}
	add("send", text(c.desired))
	add("stop", strings.Join(c.removals, " "))
	add("keep", text(c.handingOver))
	add("yield", strings.Join(c.conflicts, " "))
	if c.pending {
		parts = append(parts, "pending")
	}
	if c.statusOnly {
		parts = append(parts, "outdated")
	}
	return strings.Join(parts, "; ")
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// inBothOrders plans the inputs as given and reversed: the cache lists them in any order.
func inBothOrders(t *testing.T, inputs []input, check func(t *testing.T, inputs []input, changes []change)) {
	t.Helper()
	reversed := slices.Clone(inputs)
	slices.Reverse(reversed)
	check(t, inputs, computeChanges(inputs))
	if len(inputs) > 1 {
		check(t, reversed, computeChanges(reversed))
	}
}

func indexOf(t *testing.T, inputs []input, owner string) int {
	t.Helper()
	i := slices.IndexFunc(inputs, func(s input) bool { return s.name == owner })
	if i < 0 {
		t.Fatalf("there is no source %q", owner)
	}
	return i
}

// expectChange holds that the planned change of a source is as described, in whatever order.
func expectChange(t *testing.T, inputs []input, owner, want string) {
	t.Helper()
	inBothOrders(t, inputs, func(t *testing.T, inputs []input, changes []change) {
		t.Helper()
		expect(t, "the change of "+owner, describe(changes[indexOf(t, inputs, owner)]), want)
	})
}

// expectRequest holds that the request for a source's change is as given, in whatever order.
func expectRequest(t *testing.T, inputs []input, owner, want string) {
	t.Helper()
	inBothOrders(t, inputs, func(t *testing.T, inputs []input, changes []change) {
		t.Helper()
		self := indexOf(t, inputs, owner)
		expect(t, "the request for "+owner, text(newRequest(inputs, changes, self).Groups), want)
	})
}

// expectNext holds that this source's turn is next, in whatever order; "" for nobody's.
func expectNext(t *testing.T, inputs []input, want string) {
	t.Helper()
	inBothOrders(t, inputs, func(t *testing.T, inputs []input, changes []change) {
		t.Helper()
		got := ""
		if next := nextOf(inputs, changes, false); next >= 0 {
			got = inputs[next].name
		}
		expect(t, "the next source", got, want)
	})
}

func lines[T any](items []T) string {
	out := make([]string, 0, len(items))
	for _, item := range items {
		out = append(out, fmt.Sprint(item))
	}
	return strings.Join(out, "\n")
}
