package controller

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/account"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// A place that is not given back is gone until the manager starts anew.
func TestATurnThatCanNotBeUsedIsGivenBack(t *testing.T) {
	key := AgentKey{Account: types.NamespacedName{Namespace: "support", Name: "acme"}, Agent: "7"}
	client, err := deepcall.NewClient(deepcall.Config{Endpoint: "https://deepcall.example", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := deepcall.ParseCredentials(map[string][]byte{"ssid": []byte("s3ss10n")})
	if err != nil {
		t.Fatal(err)
	}
	for name, object := range map[string]*v1alpha1.DeepCallAccount{
		"the account is gone":         nil,
		"the account is not held yet": {},
	} {
		t.Run(name, func(t *testing.T) {
			nobody := func(string) {}
			registry := account.NewRegistry(clock.RealClock{}, func(types.NamespacedName) account.Hooks {
				return account.Hooks{Wake: nobody, Tell: nobody, Changed: func() {}}
			})
			runtime := registry.Configure(key.Account, account.Settings{
				Client: client, Credentials: credentials, Endpoint: "https://deepcall.example",
				Limits: account.Limits{RequestsPerSecond: 10, Burst: 10, MaxInFlight: 1},
			})
			if runtime.Turn(key.Agent, account.Want{}) == nil || runtime.Turn("8", account.Want{}) != nil {
				t.Fatal("there must be one place, which the agent has")
			}
			changed := &member{mapping: &v1alpha1.AgentGroupMapping{}, known: &recollection{}}
			changed.claims.Owner, changed.change.Pending = "support/asha", true
			v := &view{key: key, account: object, runtime: runtime, members: []*member{changed}}
			reconciler := &AgentReconciler{Accounts: registry, WakeAccount: func(types.NamespacedName) {}}
			if err := reconciler.call(t.Context(), v); err != nil {
				t.Fatal(err)
			}
			if runtime.Turn("8", account.Want{}) == nil {
				t.Error("the place is not given back")
			}
		})
	}
}
