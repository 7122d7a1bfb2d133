package dispatch

import (
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

// Registry holds the accounts in use, by the name of their DeepCallAccount.
type Registry struct {
	clock clock.WithDelayedExecution
	hooks func(types.NamespacedName) Hooks

	mu       sync.Mutex
	accounts map[types.NamespacedName]*Account
	closed   bool
}

// NewRegistry makes an empty registry; hooks makes those of each account.
func NewRegistry(clk clock.WithDelayedExecution, hooks func(types.NamespacedName) Hooks) *Registry {
	return &Registry{clock: clk, hooks: hooks, accounts: map[types.NamespacedName]*Account{}}
}

// Get returns an account that was configured before, or nil.
func (r *Registry) Get(name types.NamespacedName) *Account {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accounts[name]
}

// Standings are the accounts in use, and how each stands.
func (r *Registry) Standings() map[types.NamespacedName]Standing {
	r.mu.Lock()
	accounts := maps.Clone(r.accounts)
	r.mu.Unlock()
	standings := make(map[types.NamespacedName]Standing, len(accounts))
	for name, a := range accounts {
		standings[name] = a.Standing()
	}
	return standings
}

// Configure puts settings in force for an account, a new one if need be.
func (r *Registry) Configure(name types.NamespacedName, settings Settings) *Account {
	r.mu.Lock()
	a := r.accounts[name]
	if a == nil {
		a = newAccount(r.clock, r.hooks(name))
		a.closed = r.closed
		r.accounts[name] = a
	}
	r.mu.Unlock()
	a.Configure(settings)
	return a
}

// Remove forgets an account that no longer exists.
func (r *Registry) Remove(name types.NamespacedName) {
	r.mu.Lock()
	a := r.accounts[name]
	delete(r.accounts, name)
	r.mu.Unlock()
	if a == nil {
		return
	}
	for _, agent := range a.close() {
		a.hooks.Wake(agent)
	}
}

// Close gives no further turn. Calls in flight end by themselves.
func (r *Registry) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, a := range r.accounts {
		a.close()
	}
}
