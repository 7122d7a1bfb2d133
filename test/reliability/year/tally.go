package year

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// tally counts what the manager did within an hour.
type tally struct {
	from            time.Time
	calls, accepted map[string]int // by account
	writes          map[string]int // by what was written
	// edits of mappings and changes of credentials by people, and restarts of the manager.
	edits, afresh, restarts int

	// minutes and seconds tell how the calls bunch up.
	minutes, seconds map[string]*peak
}

func newTally(from time.Time) *tally {
	y := &tally{
		from: from, calls: map[string]int{}, accepted: map[string]int{}, writes: map[string]int{},
		minutes: map[string]*peak{}, seconds: map[string]*peak{},
	}
	for _, account := range []string{"acme", "beta"} {
		y.minutes[account], y.seconds[account] = &peak{span: minute}, &peak{span: time.Second}
	}
	return y
}

// peak finds the most calls within a span of time.
type peak struct {
	span    time.Duration
	since   time.Time
	n, most int
}

func (p *peak) add(now time.Time) {
	if at := now.Truncate(p.span); !at.Equal(p.since) {
		p.since, p.n = at, 0
	}
	p.n++
	p.most = max(p.most, p.n)
}

func (y *tally) String() string {
	parts := []string{fmt.Sprintf("%d people's changes", y.edits+y.afresh), fmt.Sprintf("%d restarts", y.restarts)}
	for _, account := range slices.Sorted(maps.Keys(y.calls)) {
		parts = append(parts, fmt.Sprintf("%d calls of %s, %d accepted", y.calls[account], account, y.accepted[account]))
	}
	for _, what := range slices.Sorted(maps.Keys(y.writes)) {
		parts = append(parts, fmt.Sprintf("%d × %s", y.writes[what], what))
	}
	return strings.Join(parts, "; ")
}

// figures are what a year comes to.
type figures struct {
	Hours, CalmHours, Calls, Writes int
	// MostCalm is the most calls in a calm hour, MostTroubled in any other, MostInSecond within a second.
	MostCalm, MostTroubled int
	CalmCalls              int
	// Calls of an account: the most within a second, and within a minute when long nothing was wrong.
	MostInSecond, MostInCalmMinute int
	// SteadyTroubleHours are those in the midst of a trouble.
	SteadyTroubleHours int
	Restarts           int
	// LongLife are the calls of the last process, which lives long, since its first calm day.
	LongLife int
}

// checkEnough holds that there was enough to judge: all of the above would hold of a story in which nothing is calm.
func (f figures) checkEnough(story []happening) error {
	restarts := 0
	for _, h := range story {
		if h.what == restarting {
			restarts++
		}
	}
	switch {
	case f.Restarts != restarts || restarts == 0:
		return fmt.Errorf("%d restarts instead of %d", f.Restarts, restarts)
	case f.CalmHours < f.Hours/5:
		return fmt.Errorf("only %d of %d hours were calm", f.CalmHours, f.Hours)
	case f.SteadyTroubleHours < f.Hours/50:
		return fmt.Errorf("only %d of %d hours were in the midst of a trouble", f.SteadyTroubleHours, f.Hours)
	case f.LongLife < f.Hours/2:
		return fmt.Errorf("the last process was looked at for leaks over %d calls only", f.LongLife)
	}
	return nil
}

// statusWrite is the one write of a resync (R15).
const statusWrite = "update agentgroupmappings/status"

// closeHour judges the hour that ends now, and begins the next.
func (w *world) closeHour(f *figures) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, y := time.Now(), w.tally
	w.tally = newTally(now)
	calls, writes := sum(y.calls), sum(y.writes)
	f.Hours++
	f.Restarts += y.restarts
	f.Calls += calls
	f.Writes += writes
	for _, name := range []string{"acme", "beta"} {
		w.checkRate(name, y, now)
		w.checkPeaks(name, y, now, f)
	}
	accepted := sum(y.accepted)
	switch {
	case !w.steady(y, now):
		f.MostTroubled = max(f.MostTroubled, calls)
		return
	case calls == accepted:
		f.CalmHours++
		f.CalmCalls += calls
		f.MostCalm = max(f.MostCalm, calls)
	default:
		f.SteadyTroubleHours++
	}
	// A mapping whose change waits for a refused account records each attempt, and that it was refused.
	probes := w.refusedProbes(y, now)
	// A new process's first answer may have another code than the one that the account's status tells of.
	if told := y.writes["update deepcallaccounts/status"]; told <= 2*y.restarts {
		writes -= told
	}
	if writes < accepted || writes > accepted+2*probes || y.writes[statusWrite] < writes-probes {
		w.violateLocked("R15: one status write for each accepted resync is all there may be in this hour: %s", y)
	}
}

// steady is true for an hour in which nothing was to be done but resyncs, and each account was well, or
// had long been in trouble.
func (w *world) steady(y *tally, now time.Time) bool {
	// What is changed during a trouble has its first try with a later probe, which may be an hour away.
	if w.changed.After(y.from.Add(-hour-10*minute)) || len(w.leaving) > 0 || w.anyLost("acme", y.from) || w.anyLost("beta", y.from) {
		return false
	}
	for _, account := range []string{"acme", "beta"} {
		found := w.troubled(account, y.from, now)
		switch {
		case len(found) == 0 && y.calls[account] != y.accepted[account]:
			w.violateLocked("truth: a call of %s failed, although nothing is wrong with it: %s", account, y)
		case len(found) == 0:
		case len(found) > 1, y.restarts > 0, !found[0].lasts(), found[0].from.After(y.from.Add(-midst)):
			return false
		}
	}
	return true
}

// midst is how long a trouble must have lasted until all that it changes has changed: the first calls may
// be nearly two hours away, and the next ones another.
const midst = 4 * hour

// checkPeaks: no second has more calls than the account's limits allow. And where nothing was wrong for
// more than a day, resyncs are not bunched up, whatever brought them together before.
func (w *world) checkPeaks(account string, y *tally, now time.Time, f *figures) {
	f.MostInSecond = max(f.MostInSecond, y.seconds[account].most)
	if most := 20 + 10; y.seconds[account].most > most {
		w.violateLocked("storm: %d calls of %s within a second", y.seconds[account].most, account)
	}
	if y.edits+y.afresh > 0 || w.anyLost(account, y.from) || len(w.troubled(account, y.from.Add(-26*hour), now)) > 0 {
		return
	}
	f.MostInCalmMinute = max(f.MostInCalmMinute, y.minutes[account].most)
	if y.minutes[account].most > mostInCalmMinute {
		w.violateLocked("storm: %d resyncs of %s within a minute, although all was well for a day", y.minutes[account].most, account)
	}
}

// mostInCalmMinute is far above the mean, which is one in ten minutes.
const mostInCalmMinute = 6

// refusedProbes are the hour's calls that DeepCall refused, of accounts with a change that waits.
func (w *world) refusedProbes(y *tally, now time.Time) (n int) {
	for _, account := range []string{"acme", "beta"} {
		found := w.troubled(account, y.from, now)
		waits := slices.ContainsFunc(w.rolesOf(account, ""), func(r role) bool {
			mapping := w.stored(r)
			return mapping != nil && !isReady(mapping)
		})
		if waits && len(found) > 0 && found[0].trouble.suspend {
			n += y.calls[account] - y.accepted[account]
		}
	}
	return n
}

// anyLost is true when DeepCall does not know a group of an account, or did not until lately.
func (w *world) anyLost(account string, now time.Time) bool {
	return slices.ContainsFunc(w.rolesOf(account, ""), func(r role) bool { return w.lostAny(r, now) })
}

// checkRate bounds the calls of an account in an hour. Between two calls for one cause there is never
// less than R9 and R10 say.
func (w *world) checkRate(account string, y *tally, now time.Time) {
	mean := 0.0
	for _, r := range w.rolesOf(account, "") {
		mean += float64(hour) / float64(r.interval)
	}
	users := len(w.rolesOf(account, ""))
	most := int(2*mean) + 6 + 4*(y.edits+y.afresh) + 15*y.restarts
	for _, v := range w.troubled(account, y.from, now) {
		switch {
		case v.lasts() && v.from.Before(y.from.Add(-midst)):
			most = v.trouble.hourly + 11*y.afresh + 15*y.restarts
		case v.trouble.suspend:
			most += 3 + 4 + 4 + users // probes after 5, 15 and 35 min; all that is due once it is over
		case v.trouble.fault.Code != 0:
			most += users * (9 + 16) // each mapping by itself: from 1 s, doubling to 5 min less a quarter
		default:
			most += 5*4 + 7 + 60 + users // 5 failures of 4 calls each, 1 s doubling to 1 min, once a minute
		}
	}
	if w.anyLost(account, y.from) {
		most += 6 * users // who is to blame is found out by a few calls
	}
	if y.calls[account] > most {
		w.violateLocked("storm: %d calls of %s since %s, where there should be at most %d (%s)", y.calls[account], account, stamp(y.from), most, y)
	}
}

func sum(counts map[string]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}
