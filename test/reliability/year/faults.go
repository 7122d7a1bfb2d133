package year

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// fault is a failure of DeepCall that affects every request of an account.
type fault struct {
	name    string
	down    bool               // refuses connections
	script  deepcalltest.Fault // how the server responds
	suspend bool               // denies the account
	// recovery is the longest time from the end of the fault until everything is synced again.
	recovery time.Duration
	// maxPerHour is the highest number of requests in an hour, once the fault has lasted for settlingTime.
	maxPerHour int
}

func (f fault) isScripted() bool {
	return f.script.Code != 0 || f.script.Status != 0 || f.script.Cut || f.script.Hang
}

// R10 probes an unreachable account once a minute, each probe taking up to 8 s, and a denied account once an
// hour. A Retry-After can pause an account for as long. R9 retries a mapping after at most 5 min. A changed
// Secret takes effect within seconds.
const (
	recoveryRotated     = minute
	recoveryUnreachable = 7 * minute
	recoveryDenied      = hour + 2*minute
)

const (
	maxPerHourUnreachable = 61      // once a minute
	maxPerHourRetried     = 15 * 17 // each mapping separately, every 5 min less a quarter
	maxPerHourDenied      = 2       // once an hour
	maxPerHourPaused      = 4       // every 20 min
)

// outages are the faults in which DeepCall is unavailable.
var outages = []fault{
	{name: "refuses connections", down: true, recovery: recoveryUnreachable, maxPerHour: maxPerHourUnreachable},
	{name: "responds 503", script: deepcalltest.Status(http.StatusServiceUnavailable), recovery: recoveryUnreachable, maxPerHour: maxPerHourUnreachable},
	{name: "hangs", script: deepcalltest.Hang(), recovery: recoveryUnreachable, maxPerHour: maxPerHourUnreachable},
	{name: "loses its responses", script: deepcalltest.CutAfter(), recovery: recoveryUnreachable, maxPerHour: maxPerHourUnreachable},
	{name: "responds 1501", script: deepcalltest.Code(1501), recovery: recoveryUnreachable, maxPerHour: maxPerHourRetried},
	{name: "responds 429, retry after 20 min", script: deepcalltest.Status(http.StatusTooManyRequests).RetryAfter("1200"), recovery: 20*minute + recoveryUnreachable, maxPerHour: maxPerHourPaused},
	{name: "responds 503, retry after a day", script: deepcalltest.Status(http.StatusServiceUnavailable).RetryAfter("86400"), recovery: recoveryDenied + recoveryUnreachable, maxPerHour: maxPerHourDenied},
}

var suspension = fault{name: "denies the account", suspend: true, recovery: recoveryDenied, maxPerHour: maxPerHourDenied}

// faultWindow is the period of a fault.
type faultWindow struct {
	fault    fault
	from, to time.Time // to is zero while the fault is active
}

func (w faultWindow) active() bool { return w.to.IsZero() }

// recoveredBy returns the latest time at which everything is synced again.
func (w faultWindow) recoveredBy() time.Time { return w.to.Add(w.fault.recovery) }

// overlaps reports whether the fault or the recovery from it overlaps the period.
func (w faultWindow) overlaps(from, to time.Time) bool {
	return w.from.Before(to) && (w.active() || w.recoveredBy().After(from))
}

// beginFault records that a fault of an account begins, and returns a function that records its end.
func (e *testEnv) beginFault(account string, f fault) (end func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := len(e.faults[account])
	e.faults[account] = append(e.faults[account], faultWindow{fault: f, from: time.Now()})
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.faults[account][i].to = time.Now()
	}
}

// injectFault makes DeepCall fail for an account until end is called.
func (e *testEnv) injectFault(account string, f fault) (end func()) {
	recordEnd := e.beginFault(account, f)
	e.simulators[account].setFault(f)
	return func() {
		e.simulators[account].setFault(fault{})
		recordEnd()
	}
}

// faultsBetween returns the faults of an account that overlap the period. The caller holds mu.
func (e *testEnv) faultsBetween(account string, from, to time.Time) (found []faultWindow) {
	for _, w := range e.faults[account] {
		if w.overlaps(from, to) {
			found = append(found, w)
		}
	}
	return found
}

// healthyFor reports whether neither account had a fault in the last d.
func (e *testEnv) healthyFor(d time.Duration) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	return len(e.faultsBetween("acme", now.Add(-d), now))+len(e.faultsBetween("beta", now.Add(-d), now)) == 0
}

// resyncDeadline returns the time by which a resync must correct what has been wrong since a time: 1.1
// intervals later, or later still because of the account's faults. It returns false while an active fault
// leaves the deadline open. The caller holds mu.
func (e *testEnv) resyncDeadline(f fixture, since time.Time) (at time.Time, ok bool) {
	if suspended := e.suspendedUntil[f.NamespacedName]; suspended.After(since) {
		since = suspended
	}
	at = since.Add(f.interval + f.interval/10 + minute)
	for _, w := range e.faults[f.account.Name] {
		switch {
		case !w.from.Before(at) || (!w.active() && w.recoveredBy().Before(since)):
		case w.active():
			return time.Time{}, false
		case w.recoveredBy().After(at):
			at = w.recoveredBy().Add(minute)
		}
	}
	return at, true
}

// resyncOverdue reports whether resyncDeadline has passed. The caller holds mu.
func (e *testEnv) resyncOverdue(f fixture, since, now time.Time) bool {
	at, ok := e.resyncDeadline(f, since)
	return ok && now.After(at)
}

// hasDeletedGroup reports whether DeepCall doesn't know a group of the mapping, or the resync that recovers
// from that is not overdue yet. The caller holds mu.
func (e *testEnv) hasDeletedGroup(f fixture, now time.Time) bool {
	for group, w := range e.deletedGroups {
		if strings.HasPrefix(group, f.Name+".") && (w.active() || !e.resyncOverdue(f, w.to, now)) {
			return true
		}
	}
	return false
}

// anyGroupDeleted reports whether hasDeletedGroup holds for a mapping of the account. The caller holds mu.
func (e *testEnv) anyGroupDeleted(account string, now time.Time) bool {
	return slices.ContainsFunc(e.fixturesOf(account, ""), func(f fixture) bool { return e.hasDeletedGroup(f, now) })
}
