// Package dispatch declares the health of an account.
package dispatch

// State is the state of an account's circuit breaker.
type State string

// The states of an account.
const (
	Untried     State = "Untried"
	Usable      State = "Usable"
	Denied      State = "Denied"
	Unreachable State = "Unreachable"
)

// ConfigError states why an account can't be used as configured. Its zero value means that it can.
type ConfigError struct {
	Reason, Message string
}

// Health is the state of an account.
type Health struct {
	State       State
	ConfigError ConfigError
}
