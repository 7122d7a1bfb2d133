package status

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

func TestNext(t *testing.T) {
	asha := func() *testenv.MappingBuilder { return testenv.Mapping("asha").Group("90", true) }
	usable := account(v1alpha1.ReasonUsable, time.Hour)
	requested := synced(time.Minute)
	requested.Annotations = map[string]string{v1alpha1.ReconcileRequestedAtAnnotation: "1"}
	resynced := account(v1alpha1.ReasonUsable, time.Hour)
	resynced.Status.ResyncRequestedTime = &metav1.MicroTime{Time: noon}
	edited := synced(time.Minute)
	edited.Generation++
	deleted := deleting(synced(time.Minute))
	deleted.Generation++
	for _, c := range []struct {
		name    string
		mapping *v1alpha1.AgentGroupMapping
		account *v1alpha1.DeepCallAccount
		action  Action
		text    string
		due     time.Duration // from noon; 0 is none
	}{
		{"a suspended mapping waits", mapping(asha().Suspended(), v1alpha1.ReasonSuspended, 0), usable, Wait, "No request is sent until the mapping is resumed: kubectl deepcall resume asha -n support", 0},
		{"a new mapping is sent", mapping(asha(), "", 0), usable, Send, "The latest change is sent within seconds", 0},
		{"an edit is sent", edited, usable, Send, "The latest change is sent within seconds", 0},
		{"the groups of a deleted mapping are removed", deleted, usable, Send, "The removal of the groups is sent within seconds", 0},
		{"a synced mapping is resynced", synced(20 * time.Minute), usable, Resync, "A resync is due in about 4", -1},
		{"an overdue resync is reported", synced(3 * time.Hour), usable, Resync, "A resync has been due for about 1", -1},
		{"without an interval, nothing is resynced", mapping(asha().Resync(0), v1alpha1.ReasonSynced, 0), usable, Wait, "No resync is due, since spec.resyncInterval is 0s", 0},
		{"nothing applied is not resynced", mapping(testenv.Mapping("asha"), v1alpha1.ReasonSynced, 0), usable, Wait, "Nothing is applied", 0},
		{"a rejected mapping is resynced an hour after the rejection", mapping(asha(), "InvalidGroupData", 10*time.Minute), usable, Resync, "A resync is due in about ", -1},
		{"a requested resync is sent", requested, usable, Send, "The requested resync is sent within seconds", 0},
		{"a requested resync of the account is sent", synced(time.Minute), resynced, Send, "The requested resync is sent within seconds", 0},

		{"a first failure is retried within about a second", mapping(asha(), "DataAlreadyInProcessing", 0), usable, Retry, "A retry is due within about 1s", 1250 * time.Millisecond},
		{"a failure is retried with back-off", mapping(asha(), "DataAlreadyInProcessing", 59*time.Second), usable, Retry, "A retry is due within about 75s", 75 * time.Second},
		{"a long failure is retried within 5 minutes", mapping(asha(), "Timeout", time.Hour), usable, Retry, "A retry is due within about 5m", 5 * time.Minute},
		{"an unknown reason counts as transient", mapping(asha(), "Quux", time.Hour), usable, Retry, "A retry is due within about 5m", 5 * time.Minute},
		{"a rejected write is repeated", mapping(asha(), v1alpha1.ReasonWriteRejected, time.Hour), usable, Retry, "A retry is due within about 5m", 5 * time.Minute},
		{"a denial of one agent is retried within an hour", mapping(asha(), "InvalidToken", 24*time.Hour), usable, Retry, "A retry is due within about 60m", time.Hour},

		{"a missing account is awaited", mapping(asha(), v1alpha1.ReasonAccountNotFound, 0), nil, Wait, "The mapping is sent when the account exists and permits it", 0},
		{"an account that can't be read is awaited", mapping(asha(), v1alpha1.ReasonAccountNotReady, 0), nil, Wait, "The mapping is sent when the account can be used", 0},
		{"a denied account is probed", synced(time.Minute), account("InvalidToken", 0), Probe, "a probe of the account is due within about 6m15s", 375 * time.Second},
		{"an unreachable account is probed", synced(time.Minute), account(v1alpha1.ReasonUnreachable, time.Hour), Probe, "a probe of the account is due within about 60s", time.Minute},
		{"a pause ends within an hour after its beginning", synced(time.Minute), account(v1alpha1.ReasonPaused, 20*time.Minute), Probe, "The end of the pause that DeepCall asked for is due within about 40m", 40 * time.Minute},
		{"a repeated pause ends within an hour", synced(time.Minute), account(v1alpha1.ReasonPaused, 2*time.Hour), Probe, "is due within about 60m", time.Hour},
		{"a forbidden Secret is read every minute", synced(time.Minute), account(v1alpha1.ReasonSecretForbidden, time.Hour), Retry, "A new attempt to read the object is due within about 60s", time.Minute},
		{"a missing Secret is awaited", synced(time.Minute), account(v1alpha1.ReasonSecretNotFound, time.Hour), Wait, "No request is sent until the account can be used", 0},
		{"a terminating account still sends removals", synced(time.Minute), account(v1alpha1.ReasonTerminating, 0), Resync, "A resync is due in about", -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := next(c.mapping, c.account, noon)
			if got.Action != c.action || !strings.Contains(got.Text, c.text) {
				t.Errorf("got %s %q, want %s %q", got.Action, got.Text, c.action, c.text)
			}
			switch {
			case (got.Due == nil) != (c.due == 0):
				t.Errorf("got the time %v", got.Due)
			case c.due > 0 && !got.Due.Equal(noon.Add(c.due)):
				t.Errorf("got the time %v, want %v", got.Due, noon.Add(c.due))
			}
		})
	}
}

func TestLongestDelayIsAnUpperBound(t *testing.T) {
	for _, b := range []backOff{retries, denials, unreachableProbes} {
		for seed := range uint64(200) {
			random := rand.New(rand.NewPCG(seed, 1))
			failing, delay := time.Duration(0), b.first
			for range 20 {
				jittered := min(delay+time.Duration(random.Float64()*float64(delay)/4), b.limit)
				for range 5 { // at any time until the retry
					passed := time.Duration(random.Float64() * float64(jittered))
					if bound := b.longest(failing + passed); jittered-passed > bound {
						t.Fatalf("%v: after %s the retry is due in %s, later than within %s", b, failing+passed, jittered-passed, bound)
					}
				}
				failing += jittered
				delay = min(2*delay, b.limit)
			}
		}
	}
}
