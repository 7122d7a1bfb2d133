package deepcalltest

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAFaultsAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		fault   Fault
		http    int
		code    int
		raw     string // if not empty
		applied string
		outcome string
	}{
		"a code":                     {Code(1505), 200, 1505, "", "", "1505 Invalid group data"},
		"a code that lies":           {Code(1518).AfterApplying(), 200, 1518, "", "90=Y", "1518 Data could not be updated, though applied"},
		"a code nobody knows":        {Code(9999), 200, 9999, "", "", "9999 Unknown error"},
		"a success that lies":        {Code(200), 200, 200, "", "", "200 success, though not applied"},
		"a status":                   {Status(503), 503, 0, "Service Unavailable\n", "", "HTTP 503"},
		"a status that lies":         {Status(502).AfterApplying(), 502, 0, "", "90=Y", "HTTP 502, though applied"},
		"a status with a code":       {Fault{Status: 500, Code: 1032}, 500, 1032, "", "", "HTTP 500, 1032 Internal server error"},
		"a status without a body":    {Status(204), 204, 0, "", "", "HTTP 204"},
		"a body":                     {Body([]byte("<html>")), 200, 0, "<html>", "", "HTTP 200, 6 raw bytes"},
		"an empty body":              {Body(nil), 200, 0, "", "", "HTTP 200, 0 raw bytes"},
		"a body that lies":           {Body([]byte("{")).AfterApplying(), 200, 0, "{", "90=Y", "HTTP 200, 1 raw bytes, though applied"},
		"a header on a true answer":  {Fault{}.WithHeader("X-Test", "1"), 200, 200, "", "90=Y", "200 success"},
		"a drip":                     {Drip(time.Nanosecond), 200, 200, "", "90=Y", "200 success"},
		"a drip of something broken": {Fault{Body: []byte("{{"), Drip: 1}, 200, 0, "{{", "", "HTTP 200, 2 raw bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			sim, url := Start(t, Options{})
			sim.Script(tc.fault)
			r := post(t.Context(), url, body("90=Y"))
			if r.err != nil || r.http != tc.http || r.Code != tc.code || tc.raw != "" && r.raw != tc.raw {
				t.Fatalf("got HTTP %d %q, error %v", r.http, r.raw, r.err)
			}
			wantApplied(t, sim, tc.applied)
			call := sim.Calls()[0]
			if call.Status != tc.http || call.Code != tc.code || call.Outcome != tc.outcome || call.Fault != tc.fault.String() {
				t.Fatalf("the ledger has %+v", call)
			}
			wantCode(t, post(t.Context(), url, body("90=N")), 200)
		})
	}
}

func TestAFaultCanCutTheConnection(t *testing.T) {
	for name, tc := range map[string]struct {
		fault            Fault
		applied, outcome string
	}{
		"before applying": {CutBefore(), "", "cut before applying"},
		"after applying":  {CutAfter(), "90=Y", "cut after applying"},
	} {
		t.Run(name, func(t *testing.T) {
			sim, url := Start(t, Options{})
			sim.Script(tc.fault)
			if r := post(t.Context(), url, body("90=Y")); r.err == nil {
				t.Fatalf("got HTTP %d %q", r.http, r.raw)
			}
			wantApplied(t, sim, tc.applied)
			if call := sim.Calls()[0]; call.Status != 0 || call.Outcome != tc.outcome {
				t.Fatalf("the ledger has %+v", call)
			}
		})
	}
}

func TestACallThatHangs(t *testing.T) {
	for name, tc := range map[string]struct {
		fault   Fault
		end     func(sim *Server, leave func())
		applied string
		outcome string
	}{
		"goes on when it is released": {
			Hang(), func(sim *Server, _ func()) { sim.Release() }, "90=Y", "200 success",
		},
		"can fail when it is released": {
			Fault{Hang: true, Code: 1518}, func(sim *Server, _ func()) { sim.Release() }, "", "1518 Data could not be updated",
		},
		"is given up when the client leaves": {
			Hang(), func(_ *Server, leave func()) { leave() }, "", "client left before applying",
		},
		"can have been applied when the client leaves": {
			Hang().AfterApplying(), func(_ *Server, leave func()) { leave() }, "90=Y", "client left after applying",
		},
		"ends with the server": {
			Hang(), func(sim *Server, _ func()) { sim.Close() }, "", "server closed before applying",
		},
		"ends with the server after applying": {
			Hang().AfterApplying(), func(sim *Server, _ func()) { sim.Close() }, "90=Y", "server closed after applying",
		},
		"can arrive late": {
			Late(), func(sim *Server, leave func()) {
				leave()
				_ = sim.Wait(context.Background(), func() bool { return sim.InFlight() == 0 })
				sim.Release()
			}, "90=Y", "200 success",
		},
	} {
		t.Run(name, func(t *testing.T) {
			sim, url := Start(t, Options{})
			sim.Script(tc.fault)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			done := make(chan result)
			go func() { done <- post(ctx, url, body("90=Y")) }()
			if err := sim.Wait(t.Context(), func() bool {
				return sim.InFlight() == 1 && (!tc.fault.Applies || sim.Stats().Applied == 1)
			}); err != nil {
				t.Fatal(err)
			}
			tc.end(sim, leave)
			<-done
			calls, err := sim.WaitForCalls(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			wantApplied(t, sim, tc.applied)
			if calls[0].Outcome != tc.outcome {
				t.Fatalf("the outcome is %q", calls[0].Outcome)
			}
		})
	}
}

func TestADripTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := New(Options{})
		sim.Script(Fault{Body: []byte("12345"), Drip: time.Second}.Times(2))
		start := time.Now()
		if r := direct(t.Context(), sim, body("90=Y")); r.raw != "12345" {
			t.Fatalf("got %q, %v", r.raw, r.err)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Fatalf("it took %s", took)
		}
		ctx, leave := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer leave()
		if r := direct(ctx, sim, body("90=Y")); r.err == nil {
			t.Fatal("the answer came although the client had left")
		}
		if call := sim.Calls()[1]; call.End.Sub(call.Start) != 3500*time.Millisecond || call.Outcome != "cut in the answer before applying" {
			t.Fatalf("the ledger has %+v", call)
		}
	})
}

func TestLatency(t *testing.T) {
	took := func(t *testing.T, sim *Server) (all []time.Duration) {
		for range 3 {
			direct(t.Context(), sim, body("90=Y"))
		}
		for _, c := range sim.Calls() {
			all = append(all, c.End.Sub(c.Start))
		}
		return all
	}
	synctest.Test(t, func(t *testing.T) {
		for _, d := range took(t, New(Options{Latency: time.Second})) {
			if d != time.Second {
				t.Errorf("a call took %s", d)
			}
		}
		jittered := Options{Latency: time.Second, Jitter: time.Second, Seed: 1}
		one, two := took(t, New(jittered)), took(t, New(jittered))
		for i := range one {
			if one[i] != two[i] || one[i] < time.Second || one[i] >= 2*time.Second {
				t.Errorf("with one seed, call %d took %s and %s", i, one[i], two[i])
			}
		}
		if one[0] == one[1] && one[1] == one[2] {
			t.Error("there is no jitter")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		sim := New(Options{Latency: time.Hour})
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		go direct(ctx, sim, body("90=Y"))
		if err := sim.Wait(t.Context(), func() bool { return sim.Stats().Calls == 1 && sim.InFlight() == 0 }); err != nil {
			t.Fatal(err)
		}
		if _, err := sim.WaitForCalls(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if call := sim.Calls()[0]; !call.Applied || !call.ClientGone || call.End.Sub(call.Start) != time.Hour {
			t.Fatalf("a request that was given up must go on: %+v", call)
		}
		sim.SetLatency(0, 0)
		direct(t.Context(), sim, body("90=Y"))
		if call := sim.Calls()[1]; !call.End.Equal(call.Start) {
			t.Fatalf("the latency is still there: %+v", call)
		}
	})
}

func TestAScriptHitsTheCallsItIsMeantFor(t *testing.T) {
	for name, tc := range map[string]struct {
		script []Fault
		agents string // one call for each
		want   []int
	}{
		"once by default":           {[]Fault{Code(1505)}, "7 7", []int{1505, 200}},
		"so many times":             {[]Fault{Code(1505).Times(2)}, "7 8 7", []int{1505, 1505, 200}},
		"for ever":                  {[]Fault{Code(1505).Times(-1), Code(1501)}, "7 7 7", []int{1505, 1505, 1505}},
		"one after another":         {[]Fault{Code(1501), Code(1518), Code(1522)}, "7 7 7 7", []int{1501, 1518, 1522, 200}},
		"only one agent":            {[]Fault{Code(1505).ForAgent("7")}, "8 7 7", []int{200, 1505, 200}},
		"each agent its own":        {[]Fault{Code(1505).ForAgent("7"), Code(1509).Times(-1)}, "8 7 7", []int{1509, 1505, 1509}},
		"later than the first":      {[]Fault{Code(1505).AfterCalls(2)}, "7 7 7 7", []int{200, 200, 1505, 200}},
		"later, another in between": {[]Fault{Code(1505).AfterCalls(1), Code(1501)}, "7 7 7", []int{1501, 1505, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			sim := New(Options{})
			sim.Script(tc.script...)
			for i, agent := range strings.Fields(tc.agents) {
				if r := direct(t.Context(), sim, bodyFor(agent, "90=Y")); r.Code != tc.want[i] {
					t.Fatalf("call %d got %d, want %d", i+1, r.Code, tc.want[i])
				}
			}
		})
	}
}

func TestFaultsCanBeCleared(t *testing.T) {
	sim := New(Options{})
	sim.Script(Code(1505).Times(-1))
	sim.ClearFaults()
	wantCode(t, direct(t.Context(), sim, body("90=Y")), 200)
}

func TestRetryAfterIsSent(t *testing.T) {
	sim := New(Options{})
	sim.Script(Status(http.StatusTooManyRequests).RetryAfter("2"))
	if r := direct(t.Context(), sim, body("90=Y")); r.http != 429 || r.header.Get("Retry-After") != "2" {
		t.Fatalf("got HTTP %d %v", r.http, r.header)
	}
}

func TestTheTextFormOfFaults(t *testing.T) {
	for text, want := range map[string]string{
		"code=1505,times=2,agent=7":   "code=1505,agent=7,times=2",
		"status=503,retry-after=2":    "status=503,retry-after=2",
		"hang":                        "hang",
		"hang,applied,times=-1":       "hang,applied,times=-1",
		"late":                        "late",
		"cut-before":                  "cut-before",
		"cut-after,skip=3":            "cut-after,skip=3",
		"drip=200ms":                  "drip=200ms",
		"header=X-A: b,status=500":    "status=500,header=X-A: b",
		"code=1518, applied":          "code=1518,applied",
		`times=2,body={"code":1,"a":`: `times=2,body={"code":1,"a":`,
		"body=":                       "body=",
	} {
		t.Run(text, func(t *testing.T) {
			fault, err := ParseFault(text)
			if err != nil || fault.String() != want {
				t.Fatalf("got %q, %v", fault, err)
			}
			data, err := json.Marshal(fault)
			if err != nil {
				t.Fatal(err)
			}
			var again Fault
			if err := json.Unmarshal(data, &again); err != nil || again.String() != want {
				t.Fatalf("by way of JSON it is %q, %v", again, err)
			}
		})
	}
	for _, text := range []string{
		"", "times=2", "code", "code=x", "status=99", "hang=7", "drip=fast", "explode",
		"code=1505,times=0", "header=X", "code=1505,,",
	} {
		t.Run("refused is "+text, func(t *testing.T) {
			if fault, err := ParseFault(text); err == nil {
				t.Fatalf("got %q", fault)
			}
		})
	}
}
