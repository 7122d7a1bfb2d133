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

func TestFaultAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		fault   Fault
		http    int
		code    int
		raw     string // if not empty
		applied string
		outcome string
	}{
		"a code":                      {Code(1505), 200, 1505, "", "", "1505 Invalid group data"},
		"a code, applied":             {Code(1518).AfterApplying(), 200, 1518, "", "90=Y", "1518 Data could not be updated, though applied"},
		"an unknown code":             {Code(9999), 200, 9999, "", "", "9999 Unknown error"},
		"a success, not applied":      {Code(200), 200, 200, "", "", "200 success, though not applied"},
		"a status":                    {Status(503), 503, 0, "Service Unavailable\n", "", "HTTP 503"},
		"a status, applied":           {Status(502).AfterApplying(), 502, 0, "", "90=Y", "HTTP 502, though applied"},
		"a status with a code":        {Fault{Status: 500, Code: 1032}, 500, 1032, "", "", "HTTP 500, 1032 Internal server error"},
		"a status without a body":     {Status(204), 204, 0, "", "", "HTTP 204"},
		"a body":                      {Body([]byte("<html>")), 200, 0, "<html>", "", "HTTP 200, 6 raw bytes"},
		"an empty body":               {Body(nil), 200, 0, "", "", "HTTP 200, 0 raw bytes"},
		"a body, applied":             {Body([]byte("{")).AfterApplying(), 200, 0, "{", "90=Y", "HTTP 200, 1 raw bytes, though applied"},
		"a header of the real answer": {Fault{}.WithHeader("X-Test", "1"), 200, 200, "", "90=Y", "200 success"},
		"a drip":                      {Drip(time.Nanosecond), 200, 200, "", "90=Y", "200 success"},
		"a drip of a body":            {Fault{Body: []byte("{{"), Drip: 1}, 200, 0, "{{", "", "HTTP 200, 2 raw bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			sim, url := Start(t, Options{})
			sim.Script(tc.fault)
			r := post(t.Context(), url, body("90=Y"))
			if r.err != nil || r.http != tc.http || r.Code != tc.code || tc.raw != "" && r.raw != tc.raw {
				t.Fatalf("got HTTP %d %q, error %v", r.http, r.raw, r.err)
			}
			wantApplied(t, sim, tc.applied)
			request := sim.Requests()[0]
			if request.Status != tc.http || request.Code != tc.code || request.Outcome != tc.outcome || request.Fault != tc.fault.String() {
				t.Fatalf("the ledger entry is %+v", request)
			}
			wantCode(t, post(t.Context(), url, body("90=N")), 200)
		})
	}
}

func TestFaultsCloseTheConnection(t *testing.T) {
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
			if request := sim.Requests()[0]; request.Status != 0 || request.Outcome != tc.outcome {
				t.Fatalf("the ledger entry is %+v", request)
			}
		})
	}
}

func TestFaultsHoldRequests(t *testing.T) {
	release := func(sim *Server, _ func()) { sim.Release() }
	disconnects := func(_ *Server, disconnect func()) { disconnect() }
	closes := func(sim *Server, _ func()) { sim.Close() }
	for name, tc := range map[string]struct {
		fault   Fault
		end     func(sim *Server, disconnect func())
		applied string
		outcome string
	}{
		"until they are released":                      {Hang(), release, "90=Y", "200 success"},
		"until they are released, then fail":           {Fault{Hang: true, Code: 1518}, release, "", "1518 Data could not be updated"},
		"until the client disconnects":                 {Hang(), disconnects, "", "client left before applying"},
		"after applying, until the client disconnects": {Hang().AfterApplying(), disconnects, "90=Y", "client left after applying"},
		"until the server is closed":                   {Hang(), closes, "", "server closed before applying"},
		"after applying, until the server is closed":   {Hang().AfterApplying(), closes, "90=Y", "server closed after applying"},
		"beyond the client's disconnect": {
			Late(), func(sim *Server, disconnect func()) {
				disconnect()
				_ = sim.Wait(context.Background(), func() bool { return sim.InFlight() == 0 })
				sim.Release()
			}, "90=Y", "200 success",
		},
	} {
		t.Run(name, func(t *testing.T) {
			sim, url := Start(t, Options{})
			sim.Script(tc.fault)
			ctx, disconnect := context.WithCancel(t.Context())
			defer disconnect()
			done := start(ctx, url, body("90=Y"))
			wantNoError(t, sim.Wait(t.Context(), func() bool {
				return sim.InFlight() == 1 && (!tc.fault.Applies || sim.Stats().Applied == 1)
			}))
			tc.end(sim, disconnect)
			<-done
			requests, err := sim.WaitForRequests(t.Context(), 1)
			wantNoError(t, err)
			wantApplied(t, sim, tc.applied)
			if requests[0].Outcome != tc.outcome {
				t.Fatalf("the outcome is %q", requests[0].Outcome)
			}
		})
	}
}

func TestDripPausesBetweenBytes(t *testing.T) {
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
		ctx, disconnect := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer disconnect()
		if r := direct(ctx, sim, body("90=Y")); r.err == nil {
			t.Fatal("a disconnected client got the answer")
		}
		if request := sim.Requests()[1]; request.End.Sub(request.Start) != 3500*time.Millisecond || request.Outcome != "cut in the answer before applying" {
			t.Fatalf("the ledger entry is %+v", request)
		}
	})
}

func TestLatency(t *testing.T) {
	took := func(t *testing.T, sim *Server) (all []time.Duration) {
		for range 3 {
			direct(t.Context(), sim, body("90=Y"))
		}
		for _, c := range sim.Requests() {
			all = append(all, c.End.Sub(c.Start))
		}
		return all
	}
	synctest.Test(t, func(t *testing.T) {
		for _, d := range took(t, New(Options{Latency: time.Second})) {
			if d != time.Second {
				t.Errorf("a request took %s", d)
			}
		}
		jittered := Options{Latency: time.Second, Jitter: time.Second, Seed: 1}
		one, two := took(t, New(jittered)), took(t, New(jittered))
		for i := range one {
			if one[i] != two[i] || one[i] < time.Second || one[i] >= 2*time.Second {
				t.Errorf("with one seed, request %d took %s and %s", i, one[i], two[i])
			}
		}
		if one[0] == one[1] && one[1] == one[2] {
			t.Error("there is no jitter")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		sim := New(Options{Latency: time.Hour})
		ctx, disconnect := context.WithTimeout(t.Context(), time.Second)
		defer disconnect()
		go direct(ctx, sim, body("90=Y"))
		wantNoError(t, sim.Wait(t.Context(), func() bool { return sim.Stats().Requests == 1 && sim.InFlight() == 0 }))
		_, err := sim.WaitForRequests(t.Context(), 1)
		wantNoError(t, err)
		if request := sim.Requests()[0]; !request.Applied || !request.ClientGone || request.End.Sub(request.Start) != time.Hour {
			t.Fatalf("an abandoned request was not applied: %+v", request)
		}
		sim.SetLatency(0, 0)
		direct(t.Context(), sim, body("90=Y"))
		if request := sim.Requests()[1]; !request.End.Equal(request.Start) {
			t.Fatalf("the latency is not reset: %+v", request)
		}
	})
}

func TestFaultsApplyToMatchingRequests(t *testing.T) {
	for name, tc := range map[string]struct {
		script []Fault
		agents string // of one request each
		want   []int
	}{
		"once by default":        {[]Fault{Code(1505)}, "7 7", []int{1505, 200}},
		"several times":          {[]Fault{Code(1505).Times(2)}, "7 8 7", []int{1505, 1505, 200}},
		"always":                 {[]Fault{Code(1505).Times(-1), Code(1501)}, "7 7 7", []int{1505, 1505, 1505}},
		"in order":               {[]Fault{Code(1501), Code(1518), Code(1522)}, "7 7 7 7", []int{1501, 1518, 1522, 200}},
		"to one agent only":      {[]Fault{Code(1505).ForAgent("7")}, "8 7 7", []int{200, 1505, 200}},
		"to the agent they name": {[]Fault{Code(1505).ForAgent("7"), Code(1509).Times(-1)}, "8 7 7", []int{1509, 1505, 1509}},
		"after other requests":   {[]Fault{Code(1505).AfterRequests(2)}, "7 7 7 7", []int{200, 200, 1505, 200}},
		"after other faults":     {[]Fault{Code(1505).AfterRequests(1), Code(1501)}, "7 7 7", []int{1501, 1505, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			sim := New(Options{})
			sim.Script(tc.script...)
			for i, agent := range strings.Fields(tc.agents) {
				if r := direct(t.Context(), sim, bodyFor(agent, "90=Y")); r.Code != tc.want[i] {
					t.Fatalf("request %d got %d, want %d", i+1, r.Code, tc.want[i])
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

func TestFaultsSendRetryAfter(t *testing.T) {
	sim := New(Options{})
	sim.Script(Status(http.StatusTooManyRequests).RetryAfter("2"))
	if r := direct(t.Context(), sim, body("90=Y")); r.http != 429 || r.header.Get("Retry-After") != "2" {
		t.Fatalf("got HTTP %d %v", r.http, r.header)
	}
}

func TestParseFault(t *testing.T) {
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
			wantNoError(t, err)
			var again Fault
			if err := json.Unmarshal(data, &again); err != nil || again.String() != want {
				t.Fatalf("through JSON it is %q, %v", again, err)
			}
		})
	}
	for _, text := range []string{
		"", "times=2", "code", "code=x", "status=99", "hang=7", "drip=fast", "explode",
		"code=1505,times=0", "header=X", "code=1505,,",
	} {
		t.Run("rejects "+text, func(t *testing.T) {
			if fault, err := ParseFault(text); err == nil {
				t.Fatalf("got %q", fault)
			}
		})
	}
}
