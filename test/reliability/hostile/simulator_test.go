package hostile

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// The simulated DeepCall records which requests it applied. The result of an applied request is a success or an uncertain
// error, and a success is an applied request.
func TestAppliedRequestsNeverFailForCertain(t *testing.T) {
	for name, tc := range map[string]struct {
		fault   deepcalltest.Fault
		want    string
		certain bool
		slow    bool
		applied bool
	}{
		"closed before applying":              {fault: deepcalltest.CutBefore(), want: "ConnectionFailed"},
		"closed after applying":               {fault: deepcalltest.CutAfter(), want: "ConnectionFailed", applied: true},
		"held before applying":                {fault: deepcalltest.Hang(), want: "Timeout", slow: true},
		"held after applying":                 {fault: deepcalltest.Hang().AfterApplying(), want: "Timeout", slow: true, applied: true},
		"delayed on its way":                  {fault: deepcalltest.Late(), want: "Timeout", slow: true, applied: true},
		"answered byte by byte":               {fault: deepcalltest.Drip(50 * time.Millisecond), want: "Timeout", slow: true, applied: true},
		"applied, and answered with HTTP 500": {fault: deepcalltest.Status(500).AfterApplying(), want: "ServerError", applied: true},
		"applied, and answered with HTTP 302": {fault: deepcalltest.Status(302).AfterApplying(), want: "Redirected", applied: true},
		"applied, and answered with HTTP 404": {fault: deepcalltest.Status(404).AfterApplying(), want: "UnexpectedStatus", applied: true},
		"applied, and answered with HTTP 204": {fault: deepcalltest.Status(204).AfterApplying(), want: "UnreadableAnswer", applied: true},
		"applied, and answered with a page":   {fault: deepcalltest.Body([]byte("<html>")).AfterApplying(), want: "UnreadableAnswer", applied: true},
		"applied, and answered with nothing":  {fault: deepcalltest.Body(nil).AfterApplying(), want: "UnreadableAnswer", applied: true},
		"applied, and answered with 1518":     {fault: deepcalltest.Code(1518).AfterApplying(), want: "DataCouldNotBeUpdated", applied: true},
		"applied, and answered with 4711":     {fault: deepcalltest.Code(4711).AfterApplying(), want: "UnknownCode", applied: true},
		"answered with HTTP 429":              {fault: deepcalltest.Status(429).RetryAfter("1"), want: "TooManyRequests", certain: true},
		"answered with HTTP 503":              {fault: deepcalltest.Status(503), want: "ServerError"},
	} {
		t.Run(name, func(t *testing.T) {
			withoutLeaks(t, func() {
				sim := deepcalltest.New(deepcalltest.Options{})
				srv := httptest.NewServer(sim)
				defer srv.Close()
				defer sim.Close() // ends requests that hang, for which the above waits
				sim.Script(tc.fault)
				c := newTestClient(t, deepcall.Config{Endpoint: srv.URL, AllowInsecure: true, Timeout: longTimeout})
				waitCtx, cancel := context.WithTimeout(context.Background(), longTimeout)
				defer cancel()
				wait := func(until func(deepcalltest.Request) bool) {
					reached := func() bool { calls := sim.Requests(); return len(calls) > 0 && until(calls[0]) }
					if err := sim.Wait(waitCtx, reached); err != nil {
						t.Errorf("DeepCall does not reach the state: %v, %v", err, sim.Requests())
					}
				}

				ctx, ended := newManualDeadline(), make(chan struct{})
				go func() {
					defer close(ended)
					if tc.slow {
						wait(func(c deepcalltest.Request) bool { return c.Applied == tc.applied || tc.fault.Late })
						ctx.expire()
					}
				}()
				got, err := c.sendContext(ctx)
				<-ended
				attack{want: tc.want, certain: tc.certain}.expect(t, got, err)

				if tc.fault.Late {
					sim.Release()
				}
				wait(func(c deepcalltest.Request) bool { return !c.End.IsZero() })
				calls := sim.Requests()
				if len(calls) != 1 || calls[0].Applied != tc.applied {
					t.Errorf("DeepCall got %d requests, the first applied %v", len(calls), calls[0].Applied)
				}
				var e *deepcall.Error
				if errors.As(err, &e) && calls[0].Applied && !e.Uncertain {
					t.Errorf("the error of an applied request is certain: %v", err)
				}
				if answer, err := c.send(); err != nil || answer.Code != 200 || sim.Agent("7")["90"] != "Y" {
					t.Errorf("the request after: %+v, %v, %v", answer, err, sim.Agent("7"))
				}
			})
		})
	}
}
