package deepcalltest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onsi/gomega/gbytes"
)

func TestLedgerRecordsRequests(t *testing.T) {
	sim, url := Start(t, Options{Accounts: []Account{{UserID: "1001", Token: "s3cr3t", Sessions: []string{"abc"}}}})
	sim.Script(Code(1505).ForAgent("8"))
	post(t.Context(), url, body("90=Y 91=N"))
	post(t.Context(), url, bodyFor("8", "90=Y"))
	post(t.Context(), url, `{"ssid":"abc","agentId":"7","group":{"90":{"receive_call":"N"}}}`)
	requests := sim.Requests()
	for i, want := range []Request{
		{Seq: 1, Agent: "7", Auth: AuthToken, UserID: "1001", Status: 200, Code: 200, Applied: true, Order: 1},
		{Seq: 2, Agent: "8", Auth: AuthToken, UserID: "1001", Status: 200, Code: 1505, Fault: "code=1505,agent=8"},
		{Seq: 3, Agent: "7", Auth: AuthSession, UserID: "1001", Status: 200, Code: 200, Applied: true, Order: 2},
	} {
		got := requests[i]
		if got.Seq != want.Seq || got.Agent != want.Agent || got.Auth != want.Auth || got.UserID != want.UserID ||
			got.Status != want.Status || got.Code != want.Code || got.Applied != want.Applied ||
			got.Order != want.Order || got.Fault != want.Fault {
			t.Errorf("request %d is %+v", i+1, got)
		}
		if got.Method != "POST" || got.ContentLength <= 0 || got.End.Before(got.Start) || got.Start.IsZero() {
			t.Errorf("request %d is %+v", i+1, got)
		}
	}
	if show(requests[0].Groups) != "90=Y 91=N" {
		t.Errorf("the groups are %v", requests[0].Groups)
	}
	if requests := sim.RequestsFor("7"); len(requests) != 2 || requests[1].Seq != 3 {
		t.Errorf("the requests for agent 7 are %v", requests)
	}
	if stats := sim.Stats(); stats != (Stats{Requests: 3, Ended: 3, Applied: 2, MaxInFlight: 1}) {
		t.Errorf("the stats are %+v", stats)
	}
}

func TestLedgerMasksCredentials(t *testing.T) {
	for name, body := range map[string]string{
		"a token":                     `{"userId":"1001","token":"s3cr3t","agentId":"7","group":{"90":{"receive_call":"Y"}}}`,
		"a session":                   `{"ssid":"s3cr3t","agentId":"7","group":{"90":{"receive_call":"Y"}}}`,
		"a token given twice":         `{"token":"s3cr3t","token":"s3cr3t2","userId":"1001"}`,
		"a token of the wrong type":   `{"token":["s3cr3t"],"userId":"1001"}`,
		"a body that is not JSON":     `{"token":"s3cr3t"`,
		"a body that is a plain text": `"s3cr3t"`,
	} {
		t.Run(name, func(t *testing.T) {
			log := gbytes.NewBuffer()
			sim, url := Start(t, Options{Log: log})
			post(t.Context(), url, body)
			recorded := string(log.Contents()) + string(sim.Requests()[0].Body) + do(t.Context(), "GET", url+"/_sim/requests", "").raw
			if strings.Contains(recorded, "s3cr3t") {
				t.Fatalf("the credentials are in %s", recorded)
			}
		})
	}
	t.Run("unless bodies are kept", func(t *testing.T) {
		sim, url := Start(t, Options{KeepBodies: true})
		post(t.Context(), url, body("90=Y"))
		if string(sim.Requests()[0].Body) != body("90=Y") {
			t.Fatalf("the body is %s", sim.Requests()[0].Body)
		}
		if raw := do(t.Context(), "GET", url+"/_sim/requests", "").raw; strings.Contains(raw, "s3cr3t") {
			t.Fatalf("over HTTP, the credentials are in %s", raw)
		}
	})
	t.Run("and keeps the rest of the body", func(t *testing.T) {
		sim, url := Start(t, Options{})
		post(t.Context(), url, body("90=Y"))
		want := `{"agentId":"7","group":{"90":{"receive_call":"Y"}},"token":"***","userId":"1001"}`
		if got := string(sim.Requests()[0].Body); got != want {
			t.Fatalf("the body is %s", got)
		}
	})
}

func TestConcurrentRequestsForAnAgentOverlap(t *testing.T) {
	sim, url := Start(t, Options{})
	sim.Script(Hang().Times(3))
	var done []<-chan result
	for i, agent := range []string{"7", "8", "7"} {
		done = append(done, start(t.Context(), url, bodyFor(agent, "90=Y")))
		wantNoError(t, sim.WaitForHanging(t.Context(), i+1))
	}
	if sim.InFlight() != 3 {
		t.Fatalf("%d requests are in flight", sim.InFlight())
	}
	sim.Release()
	for _, one := range done {
		wantCode(t, <-one, 200)
	}
	wantCode(t, post(t.Context(), url, body("91=Y")), 200)
	if sim.Overlaps() != 1 || sim.InFlight() != 0 || sim.MaxInFlight() != 3 {
		t.Fatalf("the stats are %+v", sim.Stats())
	}
	requests := sim.Requests()
	if got := requests[2].Overlaps; len(got) != 1 || got[0] != 1 {
		t.Fatalf("request 3 overlaps %v", got)
	}
	if !strings.HasSuffix(requests[2].String(), "  OVERLAPS #1") {
		t.Fatalf("its line is %s", requests[2])
	}
}

func TestSequentialRequestsDoNotOverlap(t *testing.T) {
	sim, url := Start(t, Options{})
	for range 50 {
		wantCode(t, post(t.Context(), url, body("90=Y")), 200)
	}
	if sim.Overlaps() != 0 || sim.MaxInFlight() != 1 {
		t.Fatalf("the stats are %+v", sim.Stats())
	}
}

func TestAbandonedRequestsAreNotInFlight(t *testing.T) {
	now := time.Unix(0, 0)
	for name, tc := range map[string]struct {
		noticed  time.Duration // after the next request arrived
		overlaps int
	}{
		"if noticed before the next request":     {-time.Millisecond, 0},
		"if noticed soon after the next request": {100 * time.Millisecond, 0},
		"unless noticed long after it":           {time.Second, 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger()
			first, next := &Request{Agent: "7", Start: now}, &Request{Agent: "7", Start: now.Add(time.Minute)}
			l.begin(first)
			if tc.noticed < 0 {
				l.clientGone(first, next.Start.Add(tc.noticed))
				l.begin(next)
			} else {
				l.begin(next)
				l.clientGone(first, next.Start.Add(tc.noticed))
			}
			if l.overlaps != tc.overlaps || len(next.Overlaps) != tc.overlaps || l.inFlight != 1 {
				t.Fatalf("overlaps %d %v, in flight %d", l.overlaps, next.Overlaps, l.inFlight)
			}
		})
	}
}

func TestWaitEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := New(Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := sim.WaitForRequests(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestWaitForHanging(t *testing.T) {
	sim, url := Start(t, Options{})
	sim.Script(Hang().ForAgent("7"))
	sim.SetLatency(time.Minute, 0)
	go post(t.Context(), url, bodyFor("8", "90=Y"))
	wantNoError(t, sim.Wait(t.Context(), func() bool { return sim.InFlight() == 1 }))
	sim.SetLatency(0, 0)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sim.WaitForHanging(ended, 1); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v for a request that is only slow", err)
	}
	done := start(t.Context(), url, body("90=Y"))
	wantNoError(t, sim.WaitForHanging(t.Context(), 1))
	sim.Release()
	wantCode(t, <-done, 200)
}

func TestReset(t *testing.T) {
	sim, url := Start(t, Options{Agents: []string{"7"}})
	sim.AddAgents("8")
	sim.SetLatency(time.Nanosecond, 0)
	sim.Script(Hang(), Code(1505))
	done := start(t.Context(), url, body("90=Y"))
	wantNoError(t, sim.WaitForHanging(t.Context(), 1))
	sim.Reset()
	<-done
	wantAgent(t, sim, "7", "")
	if sim.Stats() != (Stats{}) || len(sim.Faults()) != 0 || len(sim.Agents()) != 1 {
		t.Fatalf("left are %+v, %v, %v", sim.Stats(), sim.Faults(), sim.Agents())
	}
	wantCode(t, post(t.Context(), url, body("90=Y")), 200)
	if requests := sim.Requests(); len(requests) != 1 || requests[0].Seq != 1 || requests[0].Order != 1 {
		t.Fatalf("the requests are %v", requests)
	}
}

func TestRequestString(t *testing.T) {
	start := time.Date(2026, 1, 2, 12, 0, 1, 123e6, time.UTC)
	request := Request{
		Seq: 3, Start: start, End: start.Add(2 * time.Millisecond), Agent: "7",
		Groups: map[string]string{"100": "Y", "90": "Y", "91": "N"}, Outcome: "200 success",
	}
	with := func(change func(*Request)) Request { c := request.clone(); change(&c); return c }
	for name, tc := range map[string]struct {
		request Request
		want    string
	}{
		"formats a request": {request, "12:00:01.123 #3 agent 7  90=Y 91=N 100=Y  -> 200 success  (2ms)"},
		"quotes special characters": {
			with(func(c *Request) { c.Agent, c.Groups = "\x1b[31m", map[string]string{"90 91": "maybe "} }),
			`12:00:01.123 #3 agent "\x1b[31m"  "90 91"="maybe "  -> 200 success  (2ms)`,
		},
		"shows that there was no agent": {
			with(func(c *Request) { c.Agent, c.Groups, c.Outcome = "", nil, "1047 Invalid request (empty body)" }),
			"12:00:01.123 #3 no agent  -> 1047 Invalid request (empty body)  (2ms)",
		},
		"shows that the request is in flight": {
			with(func(c *Request) { c.Groups, c.End = nil, time.Time{} }),
			"12:00:01.123 #3 agent 7  -> in flight",
		},
		"shows that the client disconnected": {
			with(func(c *Request) { c.Groups, c.ClientGone, c.Overlaps = nil, true, []int{1, 2} }),
			"12:00:01.123 #3 agent 7  -> 200 success  (2ms)  client left  OVERLAPS #1  OVERLAPS #2",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.request.String(); got != tc.want {
				t.Fatalf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
	t.Run("is logged once per request", func(t *testing.T) {
		log := gbytes.NewBuffer()
		_, url := Start(t, Options{Log: log})
		post(t.Context(), url, body("90=Y"))
		post(t.Context(), url, "")
		if got := string(log.Contents()); strings.Count(got, "\n") != 2 || !strings.Contains(got, "#2 no agent  -> 1047") {
			t.Fatalf("the log is %s", got)
		}
	})
	t.Run("truncates long lists of groups", func(t *testing.T) {
		groups := map[string]string{}
		for id := range 500 {
			groups[strings.Repeat("1", id+1)] = "Y"
		}
		if got := formatGroups(groups, maxShown); !strings.HasSuffix(got, " and 488 more") {
			t.Fatalf("it ends in %s", got[len(got)-30:])
		}
	})
}
