package deepcalltest

import "slices"

// Account is a DeepCall account, which authenticates with UserID and Token or with a session.
type Account struct {
	UserID    string   `json:"userId"`
	Token     string   `json:"token"`
	Sessions  []string `json:"sessions"`  // the valid session IDs
	Suspended bool     `json:"suspended"` // its requests are answered 1039
	Denied    bool     `json:"denied"`    // its requests are answered 1015
}

// SetAccounts replaces all accounts. Without accounts, all credentials are accepted.
func (s *Server) SetAccounts(accounts ...Account) {
	s.update(func() { s.accounts = cloneAccounts(accounts) })
}

// UpdateAccount changes the user's account, which it creates if necessary. Accounts
// that only have a session have an empty user ID.
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

// RotateToken replaces the user's token. Requests with the old one are answered 1014.
func (s *Server) RotateToken(userID, token string) {
	s.UpdateAccount(userID, func(a *Account) { a.Token = token })
}

// RotateSession replaces the user's sessions.
func (s *Server) RotateSession(userID string, ssids ...string) {
	s.UpdateAccount(userID, func(a *Account) { a.Sessions = slices.Clone(ssids) })
}

// Suspend suspends (1039) or reactivates the user's account.
func (s *Server) Suspend(userID string, suspended bool) {
	s.UpdateAccount(userID, func(a *Account) { a.Suspended = suspended })
}

// Deny revokes (1015) or grants the permission of the user's account.
func (s *Server) Deny(userID string, denied bool) {
	s.UpdateAccount(userID, func(a *Account) { a.Denied = denied })
}

// authenticate returns 200 or the error code for the credentials, and the user. For a
// session that is the user who owns it.
func (s *Server) authenticate(p payload) (code int, userID string) {
	if p.auth.code != 0 {
		return p.auth.code, p.auth.userID
	}
	if len(s.accounts) == 0 {
		return codeSuccess, p.auth.userID
	}
	for _, a := range s.accounts {
		if !p.auth.matches(a) {
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
	return codeInvalidToken, p.auth.userID
}

func cloneAccounts(accounts []Account) []Account {
	clones := slices.Clone(accounts)
	for i := range clones {
		clones[i].Sessions = slices.Clone(clones[i].Sessions)
	}
	return clones
}
