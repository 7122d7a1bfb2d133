package year

import (
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// How long after the end of a trouble all is well again, at most. R10 probes an unreachable account
// once a minute, each for up to 8 s, and a refused one once an hour; a Retry-After may hold it as
// long. R9 has a mapping wait up to 5 min.
// A new Secret acts within seconds.
const (
	graceRotated     = minute
	graceUnreachable = 7 * minute
	graceRefused     = hour + 2*minute
)

// How many calls of an account there are in an hour in the midst of a trouble, at most.
const (
	hourlyUnreachable = 61      // once a minute
	hourlyEach        = 15 * 17 // each mapping by itself, every 5 min less a quarter
	hourlyRefused     = 2       // once an hour
	hourlyHeld        = 4       // every 20 min
)

// outages are the ways in which DeepCall fails.
var outages = []trouble{
	{name: "refuses connections", down: true, grace: graceUnreachable, hourly: hourlyUnreachable},
	{name: "answers 503", fault: deepcalltest.Status(http.StatusServiceUnavailable), grace: graceUnreachable, hourly: hourlyUnreachable},
	{name: "hangs", fault: deepcalltest.Hang(), grace: graceUnreachable, hourly: hourlyUnreachable},
	{name: "loses its answers", fault: deepcalltest.CutAfter(), grace: graceUnreachable, hourly: hourlyUnreachable},
	{name: "answers 1501", fault: deepcalltest.Code(1501), grace: graceUnreachable, hourly: hourlyEach},
	{name: "answers 429, come back in 20 min", fault: deepcalltest.Status(http.StatusTooManyRequests).RetryAfter("1200"), grace: 20*minute + graceUnreachable, hourly: hourlyHeld},
	{name: "answers 503, come back in a day", fault: deepcalltest.Status(http.StatusServiceUnavailable).RetryAfter("86400"), grace: graceRefused + graceUnreachable, hourly: hourlyRefused},
}

var suspension = trouble{name: "refuses the account", suspend: true, grace: graceRefused, hourly: hourlyRefused}

// window is a time in which something is wrong.
type window struct {
	trouble  trouble
	from, to time.Time // to is zero while it lasts
}

func (v window) lasts() bool { return v.to.IsZero() }

// over is when all is well again, at the latest.
func (v window) over() time.Time { return v.to.Add(v.trouble.grace) }

// touches is true if the window, or its aftermath, overlaps a time.
func (v window) touches(from, to time.Time) bool {
	return v.from.Before(to) && (v.lasts() || v.over().After(from))
}

// open begins a trouble of an account; what it returns ends it.
func (w *world) open(account string, t trouble) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := len(w.windows[account])
	w.windows[account] = append(w.windows[account], window{trouble: t, from: time.Now()})
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.windows[account][i].to = time.Now()
	}
}

// troubled tells in which troubles an account was between two times. The caller holds mu.
func (w *world) troubled(account string, from, to time.Time) (found []window) {
	for _, v := range w.windows[account] {
		if v.touches(from, to) {
			found = append(found, v)
		}
	}
	return found
}

// deadline is until when what went wrong at a time must be mended by a resync: 1.1 intervals, and the
// troubles of the account on top. Not due means that it can't be told yet. The caller holds mu.
func (w *world) deadline(r role, since time.Time) (at time.Time, due bool) {
	if held := w.held[r.NamespacedName]; held.After(since) {
		since = held
	}
	at = since.Add(r.interval + r.interval/10 + minute)
	for _, v := range w.windows[r.account.Name] {
		switch {
		case !v.from.Before(at) || (!v.lasts() && v.over().Before(since)):
		case v.lasts():
			return time.Time{}, false
		case v.over().After(at):
			at = v.over().Add(minute)
		}
	}
	return at, true
}

// late is true when something that went wrong should have been mended by a time. The caller holds mu.
func (w *world) late(r role, since, now time.Time) bool {
	at, due := w.deadline(r, since)
	return due && now.After(at)
}

// touch notes that a person changed a mapping.
func (w *world) touch(name types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.touched[name], w.changed, w.active = time.Now(), time.Now(), time.Now()
	w.tally.edits++
}
