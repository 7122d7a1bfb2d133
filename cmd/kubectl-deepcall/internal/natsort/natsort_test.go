package natsort

import (
	"slices"
	"testing"
)

func TestCompareIsATotalOrder(t *testing.T) {
	want := []string{"-1", "7", "07", "9", "10", "10a", "10b", "010.2", "10.10", "99999999999999999999999", "A1", "a", "a9", "a10", "a10b", "b1", ""}
	slices.SortFunc(want, Compare)
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, Compare)
	if !slices.Equal(got, want) {
		t.Errorf("the order depends on the input order: %q, %q", got, want)
	}
	for i := 1; i < len(want); i++ {
		if Compare(want[i-1], want[i]) >= 0 || Compare(want[i], want[i-1]) <= 0 {
			t.Errorf("got %q and %q in inconsistent order", want[i-1], want[i])
		}
	}
}

func TestCompare(t *testing.T) {
	for _, pair := range [][2]string{
		{"9", "10"},
		{"7", "8"},
		{"9", "10a"},
		{"a", "a1"},
		{"a9", "a10"},
		{"1.2", "1.10"},
		{"x7", "x08"},
		{"9", ""},
		{"z", ""},
		{"99999999999999999999998", "99999999999999999999999"},
	} {
		if Compare(pair[0], pair[1]) >= 0 {
			t.Errorf("%q does not sort before %q", pair[0], pair[1])
		}
	}
	if Compare("7", "7") != 0 || Compare("", "") != 0 {
		t.Error("an ID does not equal itself")
	}
}
