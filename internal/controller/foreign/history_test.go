package foreign

import "testing"

// step is something that happens to an object. Judging begins after 10.
type step func(history) (history, bool)

const judgedAfter = 10

func observes(before, after int64) step {
	return func(h history) (history, bool) { return h.observe(before, after, judgedAfter) }
}

func succeeds(at int64) step {
	return func(h history) (history, bool) { return h.end(written, at, judgedAfter) }
}

func begins(h history) (history, bool) { return h.begin(), false }

func conflicts(h history) (history, bool) { return h.end(notWritten, 0, judgedAfter) }

func getsNoAnswer(h history) (history, bool) { return h.end(unknown, 0, judgedAfter) }

func TestHistory(t *testing.T) {
	for name, test := range map[string]struct {
		steps []step
		want  int // number of writes that are reported
	}{
		"ignores own writes whose event follows the answer": {[]step{
			begins, succeeds(20), observes(0, 20), begins, succeeds(21), observes(20, 21), begins, succeeds(22), observes(21, 22),
		}, 0},
		"ignores own writes whose event precedes the answer": {[]step{
			begins, observes(0, 20), succeeds(20), begins, observes(20, 21), succeeds(21), begins, observes(21, 22), succeeds(22),
		}, 0},
		"ignores an own write whose event arrives during the next one": {[]step{
			begins, succeeds(20), begins, observes(0, 20), succeeds(21), observes(20, 21), begins, succeeds(22), observes(21, 22),
		}, 0},
		"ignores own writes that a new list delivers together": {[]step{
			begins, succeeds(20), begins, succeeds(21), begins, succeeds(22), observes(0, 22),
		}, 0},
		"ignores own writes by API servers whose clocks differ": {[]step{
			begins, succeeds(25), begins, succeeds(20), observes(0, 25), observes(25, 20), begins, succeeds(26), observes(20, 26),
		}, 0},
		"ignores an own write that was made without an answer": {[]step{
			begins, getsNoAnswer, observes(0, 20), begins, getsNoAnswer, observes(20, 21), begins, getsNoAnswer, observes(21, 22),
		}, 0},
		"ignores an own write without an answer whose event arrives meanwhile": {[]step{
			begins, observes(0, 20), getsNoAnswer, begins, observes(20, 21), getsNoAnswer, begins, observes(21, 22), getsNoAnswer,
		}, 0},
		"ignores an own write without an answer that the next one conflicts with": {[]step{
			begins, getsNoAnswer, begins, observes(0, 20), conflicts, begins, getsNoAnswer, begins, conflicts, observes(20, 21),
		}, 0},
		"ignores conflicts with edits of the spec": {[]step{
			begins, observes(5, 5), conflicts, begins, observes(5, 5), conflicts, begins, succeeds(20), observes(5, 20),
		}, 0},
		"ignores edits of the status by a user, and restored older ones": {[]step{
			begins, succeeds(20), observes(0, 20), observes(20, 20), observes(20, 15), begins, succeeds(30), observes(15, 30), observes(30, 15),
		}, 0},
		"ignores writes before judging begins":         {[]step{observes(0, 8), observes(8, 9), observes(9, 10)}, 0},
		"ignores one write, as of a former leader":     {[]step{observes(0, 20)}, 0},
		"ignores an old cache that is delivered again": {[]step{observes(0, 20), observes(20, 9), observes(9, 20)}, 0},

		"reports the second write of another operator": {[]step{observes(0, 20), observes(20, 21)}, 1},
		"reports all later ones":                       {[]step{observes(0, 20), observes(20, 21), observes(21, 25), observes(25, 30)}, 3},
		"reports them between own writes": {[]step{
			begins, succeeds(20), observes(0, 20), observes(20, 21), begins, succeeds(22), observes(21, 22), observes(22, 23),
		}, 1},
		"reports those that own writes conflict with": {[]step{
			begins, observes(0, 20), conflicts, begins, observes(20, 21), conflicts,
		}, 1},
		"reports those whose events follow the conflict": {[]step{
			begins, conflicts, observes(0, 20), begins, conflicts, observes(20, 21),
		}, 1},
		"misses one write after an own one without an answer": {[]step{
			begins, getsNoAnswer, observes(0, 20), observes(20, 21), observes(21, 22),
		}, 1},
		"misses no write if an own one succeeds meanwhile": {[]step{
			begins, getsNoAnswer, begins, succeeds(20), observes(0, 20), observes(20, 21), observes(21, 22),
		}, 1},
		"does not count writes before judging begins": {[]step{observes(0, 9), observes(9, 20), observes(20, 21)}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var h history
			reported := 0
			for _, next := range test.steps {
				var isForeign bool
				if h, isForeign = next(h); isForeign {
					reported++
				}
			}
			if reported != test.want {
				t.Errorf("it reports %d writes, want %d", reported, test.want)
			}
		})
	}
}
