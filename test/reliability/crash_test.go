package reliability

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The number of runs in the quick sweep.
const (
	quickSingleFaults = 400
	quickCrashPairs   = 60
)

func TestCrashSweep(t *testing.T) {
	if replayed(t, parseCrashCase, runCrashCase) {
		return
	}

	var cases []crashCase
	for _, name := range selectedScenarios() {
		cases = append(cases, crashCase{scenario: name})
	}
	start := time.Now()
	undisturbed := runAll(t, "no fault", cases, runCrashCase)
	allSingles := singleFaults(undisturbed)
	singles := runAll(t, "one fault", sample(t, allSingles, quickSingleFaults), runCrashCase)
	allPairs := crashPairs(singles)
	pairs := runAll(t, "two crashes", sample(t, allPairs, quickCrashPairs), runCrashCase)
	t.Logf("%s sweep: %d scenarios, %d of %d runs with one fault, %d of %d with two crashes (seed %d), in %s",
		*sweep, len(undisturbed), len(singles), len(allSingles), len(pairs), len(allPairs), *seed, time.Since(start).Round(time.Second))
}

// singleFaults returns a case for each mode at each effect of the undisturbed runs.
func singleFaults(undisturbed []crashResult) []crashCase {
	var cases []crashCase
	for _, run := range undisturbed {
		for k := 1; k <= run.effects; k++ {
			for _, m := range faultModes {
				cases = append(cases, crashCase{run.scenario, []fault{{k, m}}})
			}
		}
	}
	return cases
}

// crashPairs adds to each crash a second crash at each effect of the next process.
func crashPairs(singles []crashResult) []crashCase {
	var cases []crashCase
	for _, run := range singles {
		if !run.faults[0].mode.crashes() {
			continue
		}
		for k := 1; k <= run.afterCrash; k++ {
			for _, m := range []faultMode{crashBefore, crashAfter} {
				cases = append(cases, crashCase{run.scenario, []fault{run.faults[0], {k, m}}})
			}
		}
	}
	return cases
}

func TestParseCrashCase(t *testing.T) {
	for _, text := range []string{"edit", "edit@replace/k=2/lose-answer", "create/k=5/crash-after/k=1/crash-before"} {
		c, err := parseCrashCase(text)
		if err != nil || c.String() != text {
			t.Errorf("%q is parsed as %q, %v", text, c, err)
		}
	}
	for _, text := range []string{"edit/k=2", "edit/k=0/crash-after", "edit/2/crash-later", "edit/crash-after/k=1"} {
		if c, err := parseCrashCase(text); err == nil {
			t.Errorf("%q is parsed as %q", text, c)
		}
	}
}

func TestHangingRequestWithFaultTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &process{
			env:   &environment{ledger: &ledger{changes: newNotifier(), armed: true}},
			fault: &fault{1, loseAnswer}, requestsInFlight: map[string]bool{},
		}
		hang := roundTripper(func(request *http.Request) (*http.Response, error) {
			<-request.Context().Done()
			return nil, request.Context().Err()
		})
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://deepcall", strings.NewReader(`{"agentId":"7"}`))
		if err != nil {
			t.Fatal(err)
		}
		response, err := p.wrapDeepCall(hang).RoundTrip(request)
		if err == nil {
			response.Body.Close()
		}
		if !errors.Is(err, errNoAnswer) {
			t.Errorf("got %v, want %v", err, errNoAnswer)
		}
	})
}
