package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// scenario is what happens in a run.
type scenario struct {
	picture        string
	panels         []string // the titles of the panels to draw; all if empty
	namespaces     []string
	scrapeInterval time.Duration
	latency        time.Duration // of DeepCall, to which up to as much is added
	run            func(context.Context, *environment) error
}

// The watched namespaces.
const (
	sales      = "sales"
	support    = "support"
	trial      = "trial"  // is deleted
	unreadable = "closed" // the operator has no permissions
)

// frozen is a mapping whose status can't be written in the end.
const frozen = "frozen"

var scenarios = map[string]scenario{
	"incidents": {
		picture:        "docs/dashboard.svg",
		namespaces:     []string{sales, support, trial, unreadable},
		scrapeInterval: 3 * time.Second, latency: 60 * time.Millisecond, run: incidents,
	},
	"convergence": {
		picture:        "docs/convergence.svg",
		panels:         []string{"Mappings by readiness", "Requests by class and code", "Mappings not ready by reason", "Failed requests by reason"},
		namespaces:     []string{support},
		scrapeInterval: time.Second, latency: 20 * time.Millisecond, run: convergence,
	},
}

// step is a part of a scenario.
type step struct {
	at   time.Duration
	text string // of the event; none if empty
	do   func(context.Context) error
}

// follow does the steps at their times.
func (e *environment) follow(ctx context.Context, steps ...step) error {
	for _, s := range steps {
		if err := testenv.Sleep(ctx, time.Until(e.started.Add(s.at))); err != nil {
			return err
		}
		e.mark(s.text)
		if s.do == nil {
			continue
		}
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("at %s: %w", s.at, err)
		}
	}
	return nil
}

// mark records an event.
func (e *environment) mark(text string) {
	if text != "" {
		e.logf("%s", text)
		e.events = append(e.events, event{time.Since(e.started).Seconds(), text})
	}
}

// incidents lasts eight minutes. Every third mapping is resynced once a minute, and mappings are edited all the time.
func incidents(ctx context.Context, e *environment) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return e.follow(ctx,
		step{0, "200 new mappings", func(ctx context.Context) error {
			return all(ctx,
				func(ctx context.Context) error { return e.createAccount(ctx, sales, "acme") },
				func(ctx context.Context) error { return e.createAccount(ctx, support, "acme") },
				func(ctx context.Context) error { return e.createMappings(ctx, sales, 120, 3) },
				func(ctx context.Context) error { return e.createMappings(ctx, support, 80, 3) },
			)
		}},
		step{20 * time.Second, "", func(ctx context.Context) error {
			for _, namespace := range []string{sales, support} {
				go e.editForever(ctx, namespace, 80, 2*time.Second)
			}
			return all(ctx,
				func(ctx context.Context) error { return e.createAccount(ctx, trial, "acme") },
				func(ctx context.Context) error { return e.createMappings(ctx, trial, 3, 0) },
				func(ctx context.Context) error { return e.create(ctx, mapping(support, frozen, 900).Build()) },
			)
		}},
		step{50 * time.Second, "wrong groups, a conflict, an account without a Secret, two accounts of one user", e.createMistakes},
		step{100 * time.Second, "outage of support", func(context.Context) error {
			e.deepcalls[support].Script(deepcalltest.Status(503).Times(-1))
			return nil
		}},
		step{150 * time.Second, "its end", func(context.Context) error {
			e.deepcalls[support].ClearFaults()
			return nil
		}},
		step{200 * time.Second, "another operator", func(ctx context.Context) error { return e.writeForeignStatuses(ctx, sales, 8) }},
		step{230 * time.Second, "wrong token of sales", func(context.Context) error {
			e.deepcalls[sales].RotateToken(userID(sales), "rotated")
			return nil
		}},
		step{280 * time.Second, "right token", func(ctx context.Context) error { return e.setToken(ctx, sales, "rotated") }},
		step{300 * time.Second, "slow answers", func(context.Context) error {
			e.setLatency(700 * time.Millisecond)
			return nil
		}},
		step{350 * time.Second, "the Secret of trial deleted", func(ctx context.Context) error {
			e.setLatency(e.scenario.latency)
			return e.deleteAll(ctx, trial, &corev1.Secret{})
		}},
		step{360 * time.Second, "new leader", e.failOver},
		step{400 * time.Second, "the namespace trial deleted", e.deleteTrial},
		step{420 * time.Second, "a policy rejects status writes", func(ctx context.Context) error {
			if err := e.rejectStatusWrites(ctx, frozen); err != nil {
				return err
			}
			return e.edit(ctx, support, frozen, false)
		}},
		step{480 * time.Second, "", nil},
	)
}

// convergence creates some thousand mappings, and lets DeepCall fail while mappings are edited.
func convergence(ctx context.Context, e *environment) error {
	const mappings, edits, outage = 2000, 300, 45 * time.Second
	if err := e.createAccount(ctx, support, "acme"); err != nil {
		return err
	}
	e.mark(fmt.Sprintf("%d new mappings", mappings))
	if err := e.createMappings(ctx, support, mappings, 0); err != nil {
		return err
	}
	if err := e.waitReady(ctx, support, mappings); err != nil {
		return err
	}
	e.mark("all are ready")
	if err := testenv.Sleep(ctx, 15*time.Second); err != nil {
		return err
	}
	e.deepcalls[support].Script(deepcalltest.Status(503).Times(-1))
	e.mark(fmt.Sprintf("outage, with %d edits", edits))
	start := time.Now()
	for i := range edits {
		if err := e.edit(ctx, support, agentName(i), i%4 != 0); err != nil {
			return err
		}
		if err := testenv.Sleep(ctx, time.Until(start.Add(outage*time.Duration(i+1)/edits))); err != nil {
			return err
		}
	}
	e.deepcalls[support].ClearFaults()
	e.mark("its end")
	if err := e.waitReady(ctx, support, mappings); err != nil {
		return err
	}
	e.mark("all are ready")
	return testenv.Sleep(ctx, 15*time.Second)
}
