package dispatch

import "github.com/deepcall/deepcall-operator/internal/deepcall"

// State is the state of an account's circuit breaker.
type State string

const (
	// Untried means that DeepCall has not answered with these credentials yet. Requests are sent one at a time.
	Untried State = "Untried"
	// Usable means that DeepCall accepted the credentials.
	Usable State = "Usable"
	// Denied means that DeepCall denied the account. Single probes are sent, 5 min to 1 h apart.
	Denied State = "Denied"
	// Unreachable means that 5 requests in a row failed. Single probes are sent, 1 s to 1 min apart.
	Unreachable State = "Unreachable"
)

// Health describes whether and why an account can be used. It is comparable.
type Health struct {
	State State
	// ConfigError is set if the configuration is at fault.
	ConfigError ConfigError
	// Paused reports whether a Retry-After of at least 30 s pauses an account that could be used otherwise.
	Paused bool
	// Cause is the error that led to Denied or Unreachable.
	Cause *deepcall.Error
	// Answer is DeepCall's answer that led to the state; nil if there was none.
	Answer *deepcall.Answer
	// Endpoint is the one in force.
	Endpoint string
	// UserHash identifies the user at the endpoint, see deepcall.Target. It is empty for a session, and without valid credentials.
	UserHash string
	// Duplicates is the number of other accounts with the same target. Only the Dispatcher's methods set it.
	Duplicates int
	// Authentication is UserToken, Session or empty.
	Authentication string
	// Recoveries increases when the account becomes usable again or changes, which ends the back-off of its agents.
	Recoveries int
	// CanRemove reports whether removals can be sent, if the Secret is gone with the last credentials, unless DeepCall denied them.
	CanRemove bool
}

// Ready reports whether all requests of the account can be sent.
func (h Health) Ready() bool {
	return h.ConfigError == ConfigError{} && h.Reachable()
}

// Reachable reports whether DeepCall answers and does not deny the account.
func (h Health) Reachable() bool {
	return h.State != Denied && h.State != Unreachable
}

// makesWait reports whether waiting agents have something else to report than before.
func (h Health) makesWait(before Health) bool {
	return (!h.Ready() || h.Paused) &&
		(h.Ready() != before.Ready() || h.Paused != before.Paused || h.CanRemove != before.CanRemove)
}

func (a *account) health() Health {
	health := Health{
		State:          a.breaker.state,
		ConfigError:    a.config.ConfigError,
		Paused:         a.breaker.paused && a.breaker.state != Denied && a.config.ConfigError == ConfigError{},
		Cause:          a.breaker.cause,
		Answer:         a.answer,
		Endpoint:       a.config.Endpoint,
		Authentication: a.config.Credentials.Authentication(),
		Recoveries:     a.recoveries,
		CanRemove:      a.canSend(),
	}
	if !a.config.Credentials.IsZero() {
		health.UserHash = a.userHash
	}
	return health
}
