package command

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/reason"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

func TestAccountResync(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	earlier, requested := metav1.NewMicroTime(now.Add(-time.Hour)), metav1.NewMicroTime(now)
	account := testenv.Account("acme", "https://v4-api.deepcall.com").In("support").Build()
	account.UID, account.Status.ObservedUID = "1", "1"
	account.Status.ResyncRequestedTime = &requested

	ofAcme := func() *testenv.MappingBuilder { return testenv.Mapping("asha").Group("90", true) }
	for _, c := range []struct {
		name                     string
		mapping                  *testenv.MappingBuilder
		why                      string
		handled                  *metav1.MicroTime
		ready, notReady, waiting int
	}{
		{"waits for a mapping that never handled a resync", ofAcme(), v1alpha1.ReasonSynced, nil, 0, 0, 1},
		{"waits for a mapping that handled an earlier one", ofAcme(), v1alpha1.ReasonSynced, &earlier, 0, 0, 1},
		{"counts a mapping that handled it", ofAcme(), v1alpha1.ReasonSynced, &requested, 1, 0, 0},
		{"counts a mapping that DeepCall rejected", ofAcme(), "InvalidGroupData", &requested, 0, 1, 0},
		{"does not wait for a mapping that is not permitted", ofAcme(), v1alpha1.ReasonAccountNotPermitted, nil, 0, 1, 0},
		{"does not wait for a mapping whose groups all have another owner", ofAcme(), v1alpha1.ReasonConflict, nil, 0, 1, 0},
		{"leaves out a suspended mapping", ofAcme().Suspended(), v1alpha1.ReasonSynced, nil, 0, 0, 0},
		{"leaves out a mapping without groups", testenv.Mapping("asha"), v1alpha1.ReasonSynced, nil, 0, 0, 0},
		{"leaves out a mapping of another account", ofAcme().Account("other"), v1alpha1.ReasonSynced, nil, 0, 0, 0},
		{"leaves out a mapping of an account in another namespace", ofAcme().AccountIn("shared", "acme"), v1alpha1.ReasonSynced, nil, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := c.mapping.In("support").Build()
			m.Generation, m.Status.HandledResyncTime = 1, c.handled
			reason.SetConditions(&m.Status.Conditions, reason.Summary{Reason: c.why}, 1, now)
			got := newAccountResync(account, []*v1alpha1.AgentGroupMapping{m})
			if got.ready != c.ready || len(got.notReady) != c.notReady || len(got.waiting) != c.waiting {
				t.Errorf("got %d ready, %d not ready, %d waiting", got.ready, len(got.notReady), len(got.waiting))
			}
		})
	}
}
