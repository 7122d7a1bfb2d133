package account

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

func TestSummarize(t *testing.T) {
	denied, _ := deepcall.Lookup(1014)
	invalid := dispatch.ConfigError{Reason: v1alpha1.ReasonInvalidCredentials, Message: "the Secret is empty"}
	usable := []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: v1alpha1.ReasonUsable, ObservedGeneration: 3}}
	for name, c := range map[string]struct {
		health     dispatch.Health
		conditions []metav1.Condition
		want       string
	}{
		"states an error in the configuration":                   {dispatch.Health{State: dispatch.Usable, ConfigError: invalid}, nil, "InvalidCredentials"},
		"states it before a denial":                              {dispatch.Health{State: dispatch.Denied, ConfigError: invalid}, nil, "InvalidCredentials"},
		"states why the account is denied":                       {dispatch.Health{State: dispatch.Denied, Cause: &deepcall.Error{Entry: denied}}, nil, "InvalidToken"},
		"states that the account is unreachable":                 {dispatch.Health{State: dispatch.Unreachable, Cause: &deepcall.Error{}}, nil, "Unreachable"},
		"states that a new account is untried":                   {dispatch.Health{State: dispatch.Untried}, nil, "Untried"},
		"states that a usable account is usable":                 {dispatch.Health{State: dispatch.Usable}, nil, "Usable"},
		"keeps a usable account after a restart":                 {dispatch.Health{State: dispatch.Untried}, usable, "Usable"},
		"states that an account with new credentials is untried": {dispatch.Health{State: dispatch.Untried, Recoveries: 1}, usable, "Untried"},
		"states that an account with another spec is untried":    {dispatch.Health{State: dispatch.Untried}, []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: v1alpha1.ReasonUsable, ObservedGeneration: 2}}, "Untried"},
		"states that the account is paused":                      {dispatch.Health{State: dispatch.Usable, Paused: true}, nil, "Paused"},
		"states a pause before the account's unreachability":     {dispatch.Health{State: dispatch.Unreachable, Paused: true}, nil, "Paused"},
	} {
		t.Run(name, func(t *testing.T) {
			account := &v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{Generation: 3}}
			account.Status.Conditions = c.conditions
			if got := summarize(account, c.health).Reason; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestSummarize_an_account_that_is_being_deleted(t *testing.T) {
	missing := dispatch.ConfigError(reason.SecretNotFound("acme-deepcall"))
	now := metav1.Now()
	account := &v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &now}}
	for name, c := range map[string]struct {
		health  dispatch.Health
		problem string
	}{
		"that is usable":       {dispatch.Health{State: dispatch.Usable}, ""},
		"that is untried":      {dispatch.Health{State: dispatch.Untried}, ""},
		"whose Secret is gone": {dispatch.Health{State: dispatch.Usable, ConfigError: missing}, missing.Message},
		"that is paused":       {dispatch.Health{State: dispatch.Usable, Paused: true}, reason.Paused().Message},
	} {
		t.Run(name, func(t *testing.T) {
			if got, want := summarize(account, c.health), reason.Terminating(c.problem); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}
