package year

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// happening is something that befalls the operator.
type happening struct {
	at   time.Duration // since the beginning
	what string
	do   func(*world)
}

const restarting = "the manager restarts"

// story is all that happens in so many days. It follows from the seed alone.
type story struct {
	rng    *rand.Rand
	lasts  time.Duration
	events []happening
}

func newStory(seed uint64, days int) []happening {
	s := &story{rng: rand.New(rand.NewPCG(seed, 5)), lasts: time.Duration(days) * day}
	s.troubles(acme, 14*day)
	s.troubles(beta, 75*day)
	s.rotations(acme, 8*day+40*minute, 0)
	s.rotations(beta, 20*day+40*minute, 2)
	all := roles()
	s.often(7*hour, func(at time.Duration) { s.drift(at, all) })
	s.often(17*hour, func(at time.Duration) { s.edit(at, all) })
	s.often(4*day, func(at time.Duration) { s.pause(at, all) })
	s.often(5*day, func(at time.Duration) { s.remake(at, all) })
	s.often(11*day, func(at time.Duration) { s.loseGroup(at, all) })
	for at := 7 * day; at < s.lasts*2/3; at += 7 * day { // the last process has a long life
		s.add(at-time.Duration(s.rng.Int64N(int64(day))), restarting, (*world).restart)
	}
	slices.SortStableFunc(s.events, func(a, b happening) int { return int(a.at - b.at) })
	return s.events
}

func (s *story) add(at time.Duration, what string, do func(*world)) {
	s.events = append(s.events, happening{at, what, do})
}

// often has something happen at random times, from the second day on.
func (s *story) often(mean time.Duration, happens func(at time.Duration)) {
	for at := day; at < s.lasts-2*day; at += time.Duration(s.rng.ExpFloat64()*float64(mean)) + minute {
		happens(at)
	}
}

// pair adds a happening and its end.
func (s *story) pair(at, lasts time.Duration, what string, begin func(*world) (end func())) {
	var end func()
	s.add(at, what, func(w *world) { end = begin(w) })
	s.add(at+lasts, "the end of: "+what, func(*world) { end() })
}

// troubles are the account's, one at a time: outages from 3 min to 2 days, and refused weeks.
func (s *story) troubles(account types.NamespacedName, refusedWeek time.Duration) {
	refused := refusedWeek
	for at := 2 * day; at < s.lasts-4*day; {
		lasts, t := time.Duration(float64(3*minute)*math.Pow(960, s.rng.Float64())), outages[s.rng.IntN(len(outages))]
		if at >= refused {
			lasts, t = 7*day, suspension
			refused = at + 120*day
		}
		s.pair(at, lasts, account.Name+" "+t.name, func(w *world) func() { return w.befall(account.Name, t) })
		at += lasts + 6*hour + time.Duration(s.rng.ExpFloat64()*float64(3*day))
	}
}

func (w *world) befall(account string, t trouble) (end func()) {
	over := w.open(account, t)
	w.brands[account].befall(t)
	return func() {
		w.brands[account].befall(trouble{})
		over()
	}
}

// rotations give the account a new token every 30 days, in turn: DeepCall first, both at once, or the Secret
// first. A changed Secret is tried at once; that DeepCall took a new token only the next probe can find out.
func (s *story) rotations(account types.NamespacedName, first time.Duration, n int) {
	for at := first; at < s.lasts-2*day; at += 30 * day {
		n++
		token := fmt.Sprintf("token-%d", n)
		secret := func(w *world) { w.writeToken(account, token) }
		deepcall := func(w *world) { w.brands[account.Name].rotate(token) }
		name, lasts, grace := "the Secret before DeepCall", 2*hour, graceRefused
		steps := []func(*world){secret, deepcall}
		switch n % 3 {
		case 1:
			name, lasts, grace = "DeepCall hours before the Secret", 5*hour, graceRotated
			slices.Reverse(steps)
		case 2:
			name, lasts, grace = "DeepCall, and at once the Secret", 0, graceRotated
			slices.Reverse(steps)
		}
		s.pair(at, lasts, account.Name+" rotates "+name, func(w *world) func() {
			over := w.open(account.Name, trouble{name: "rotates", suspend: true, grace: grace, hourly: hourlyRefused})
			steps[0](w)
			return func() {
				steps[1](w)
				over()
			}
		})
		s.add(at+lasts+graceRotated+minute, "a look at what came of it", func(w *world) {
			if w.settle() {
				w.checkTruth()
			}
		})
	}
}

// drift is others changing in DeepCall what a mapping declares. What they do to groups that nobody
// declares is not the operator's business.
func (s *story) drift(at time.Duration, all []role) {
	r, first, drops := all[s.rng.IntN(len(all))], s.rng.IntN(3), s.rng.IntN(2) == 0
	s.add(at, "others change agent "+r.agent+" of "+r.account.Name, func(w *world) {
		mapping, b := w.stored(r), w.brands[r.account.Name]
		if mapping == nil || mapping.DeletionTimestamp != nil {
			return
		}
		b.disturb(r.agent, func(groups map[string]string) {
			for _, group := range mapping.Spec.Groups[min(first, len(mapping.Spec.Groups)-1):] {
				if drops {
					delete(groups, group.GroupID)
				} else if is, has := groups[group.GroupID]; has {
					groups[group.GroupID] = yesNo(is != "Y")
				}
			}
		})
		w.mu.Lock()
		defer w.mu.Unlock()
		w.compare(r.account.Name, r.agent, b.holds(r.agent))
	})
}

// edit flips, adds or takes out groups, or asks for a resync.
func (s *story) edit(at time.Duration, all []role) {
	r, how, which := all[s.rng.IntN(len(all))], s.rng.IntN(4), 1+s.rng.IntN(6)
	s.add(at, fmt.Sprintf("edit %d of %s", how, r), func(w *world) {
		w.edit(r.NamespacedName, func(mapping *v1alpha1.AgentGroupMapping) {
			if how == 3 {
				mapping.Annotations = mergeAnnotation(mapping.Annotations, stamp(time.Now()))
				return
			}
			changeGroups(mapping, r.group(which), how == 0)
		})
	})
}

// changeGroups flips a group, or takes it out, or adds it if it is not there.
func changeGroups(mapping *v1alpha1.AgentGroupMapping, group string, flip bool) {
	i := slices.IndexFunc(mapping.Spec.Groups, func(g v1alpha1.AgentGroup) bool { return g.GroupID == group })
	switch {
	case i < 0:
		mapping.Spec.Groups = append(mapping.Spec.Groups, v1alpha1.AgentGroup{GroupID: group, ReceiveCall: true})
	case flip:
		mapping.Spec.Groups[i].ReceiveCall = !mapping.Spec.Groups[i].ReceiveCall
	case len(mapping.Spec.Groups) > 1:
		mapping.Spec.Groups = slices.Delete(mapping.Spec.Groups, i, i+1)
	}
}

func mergeAnnotation(annotations map[string]string, at string) map[string]string {
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.ReconcileRequestedAtAnnotation] = at
	return annotations
}

// pause suspends a mapping for some hours.
func (s *story) pause(at time.Duration, all []role) {
	r := all[s.rng.IntN(len(all))]
	lasts := 2*hour + time.Duration(s.rng.Int64N(int64(30*hour)))
	s.pair(at, lasts, fmt.Sprintf("%s is suspended", r), func(w *world) func() {
		set := func(suspend bool, until time.Time) {
			w.mu.Lock()
			w.held[r.NamespacedName] = until
			w.mu.Unlock()
			w.edit(r.NamespacedName, func(mapping *v1alpha1.AgentGroupMapping) { mapping.Spec.Suspend = suspend })
		}
		set(true, time.Now().Add(lasts))
		return func() { set(false, time.Now()) }
	})
}

// remake deletes a mapping, and makes it again as it was in the beginning once it is gone.
func (s *story) remake(at time.Duration, all []role) {
	r := all[s.rng.IntN(len(all))]
	s.add(at, fmt.Sprintf("%s is deleted, and made again", r), func(w *world) {
		mapping := w.stored(r)
		if mapping == nil || mapping.DeletionTimestamp != nil || mapping.Spec.Suspend {
			return
		}
		w.must(w.admin.Delete(w.context, mapping))
		w.touch(r.NamespacedName)
		w.mu.Lock()
		w.leaving[r.NamespacedName] = r.mapping()
		w.mu.Unlock()
	})
}

// loseGroup deletes a group in DeepCall for a day or so.
func (s *story) loseGroup(at time.Duration, all []role) {
	r := all[s.rng.IntN(len(all))]
	group, lasts := r.group(1+s.rng.IntN(3)), hour+time.Duration(s.rng.Int64N(int64(40*hour)))
	s.pair(at, lasts, "DeepCall loses group "+group, func(w *world) func() {
		change := func(gone bool) {
			b := w.brands[r.account.Name]
			b.lose(group, gone)
			w.mu.Lock()
			defer w.mu.Unlock()
			v := window{from: time.Now()}
			if !gone {
				v.from, v.to = w.lost[group].from, time.Now()
			}
			w.lost[group] = v
			w.compare(r.account.Name, r.agent, b.holds(r.agent))
		}
		change(true)
		return func() { change(false) }
	})
}

// abridged lists the happenings for a person, but for the small ones.
func abridged(all []happening) string {
	var lines []string
	for _, h := range all {
		if !strings.HasPrefix(h.what, "others") && !strings.HasPrefix(h.what, "edit") {
			lines = append(lines, fmt.Sprintf("day %d: %s", int(h.at/day), h.what))
		}
	}
	return strings.Join(lines, "\n")
}
