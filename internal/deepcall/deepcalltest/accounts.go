package deepcalltest

import "slices"

// Account is somebody who may call: with UserID and Token, or with a session.
type Account struct {
	UserID    string   `json:"userId"`
	Token     string   `json:"token"`
	Sessions  []string `json:"sessions"`  // the ssids that are valid
	Suspended bool     `json:"suspended"` // its calls answer 1039
	Denied    bool     `json:"denied"`    // its calls answer 1015
}

// SetAccounts replaces all accounts. Without any, everybody may call.
func (s *Server) SetAccounts(accounts ...Account) {
	s.update(func() { s.accounts = cloneAccounts(accounts) })
}

// UpdateAccount changes the account of that user, which it creates if it isn't
// there. Accounts of a session alone have an empty user ID.
func (s *Server) UpdateAccount(userID string, change func(*Account)) {
	s.update(func() {
		i := slices.IndexFunc(s.accounts, func(a Account) bool { return a.UserID == userID })
		if i < 0 {
			i = len(s.accounts)
			s.accounts = append(s.accounts, Account{UserID: userID})
		}
		change(&s.accounts[i])
	})
}

// RotateToken gives the user another token; the old one answers 1014.
func (s *Server) RotateToken(userID, token string) {
	s.UpdateAccount(userID, func(a *Account) { a.Token = token })
}

// RotateSession ends the user's sessions and opens those given.
func (s *Server) RotateSession(userID string, ssids ...string) {
	s.UpdateAccount(userID, func(a *Account) { a.Sessions = slices.Clone(ssids) })
}

// Suspend suspends the user's account (1039), or takes that back.
func (s *Server) Suspend(userID string, suspended bool) {
	s.UpdateAccount(userID, func(a *Account) { a.Suspended = suspended })
}

// Deny takes the permission from the user's account (1015), or gives it back.
func (s *Server) Deny(userID string, denied bool) {
	s.UpdateAccount(userID, func(a *Account) { a.Denied = denied })
}

// authenticate returns the code that refuses the credentials, or 200. The
// ledger's user is completed with the one whose session it is.
func (s *Server) authenticate(q request) (code int, userID string) {
	if q.auth.code != 0 {
		return q.auth.code, q.auth.userID
	}
	if len(s.accounts) == 0 {
		return codeSuccess, q.auth.userID
	}
	for _, a := range s.accounts {
		if !q.auth.matches(a) {
			continue
		}
		switch {
		case a.Suspended:
			return codeSuspended, a.UserID
		case a.Denied:
			return codePermissionDenied, a.UserID
		}
		return codeSuccess, a.UserID
	}
	return codeInvalidToken, q.auth.userID
}

func cloneAccounts(accounts []Account) []Account {
	clones := slices.Clone(accounts)
	for i := range clones {
		clones[i].Sessions = slices.Clone(clones[i].Sessions)
	}
	return clones
}
