package deepcalltest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
)

// The answers that the simulator gives by itself. Their texts, and all other
// codes, are in the catalogue of package deepcall.
const (
	codeSuccess          = 200
	codeInvalidParams    = 1000
	codeInvalidType      = 1001
	codeNoUserID         = 1002
	codeInvalidToken     = 1014
	codePermissionDenied = 1015
	codeNoToken          = 1020
	codeSuspended        = 1039
	codeEmptyBody        = 1047
	codeInvalidGroup     = 1505
	codeInvalidAgent     = 1509
	codeUnknownField     = 1521
)

const masked = "***"

// request is a request's body as far as it can be read. Agent and groups are
// there for the ledger even when the request is wrong.
type request struct {
	fields map[string]json.RawMessage
	auth   auth
	agent  string
	groups map[string]string // as sent; a value that isn't {"receive_call": "..."} as its JSON
	body   int               // the code that refuses the body as such, or 0
	shape  int               // the code that refuses agentId and group, or 0
}

// auth is who a request says it comes from.
type auth struct {
	kind                AuthKind
	userID, token, ssid string
	code                int // the code that refuses the fields, or 0
}

func (a auth) matches(acc Account) bool {
	if a.kind == AuthSession {
		return slices.Contains(acc.Sessions, a.ssid)
	}
	return acc.UserID == a.userID && acc.Token != "" && acc.Token == a.token
}

func decode(body []byte) request {
	if len(bytes.TrimSpace(body)) == 0 {
		return request{body: codeEmptyBody}
	}
	if !json.Valid(body) {
		return request{body: codeInvalidParams}
	}
	var q request
	if json.Unmarshal(body, &q.fields) != nil || q.fields == nil {
		return request{body: codeInvalidType}
	}
	if len(q.fields) == 0 {
		q.body = codeEmptyBody
	}
	q.auth = decodeAuth(q.fields)
	q.agent, q.shape = text(q.fields, "agentId", codeInvalidParams)
	groups, code := decodeGroups(q.fields)
	q.groups = groups
	q.shape = cmp.Or(unknownField(q.fields), q.shape, code)
	return q
}

func decodeAuth(fields map[string]json.RawMessage) auth {
	_, hasSSID := fields["ssid"]
	_, hasUser := fields["userId"]
	_, hasToken := fields["token"]
	userID, userCode := text(fields, "userId", codeNoUserID)
	token, tokenCode := text(fields, "token", codeNoToken)
	ssid, ssidCode := text(fields, "ssid", codeNoToken)
	switch {
	case hasSSID && (hasUser || hasToken):
		return auth{kind: AuthBoth, userID: userID, code: codeInvalidParams}
	case hasSSID:
		return auth{kind: AuthSession, ssid: ssid, code: ssidCode}
	case hasUser || hasToken:
		return auth{kind: AuthToken, userID: userID, token: token, code: cmp.Or(userCode, tokenCode)}
	}
	return auth{kind: AuthNone, code: codeNoUserID}
}

// decodeGroups returns the groups as sent, and the code that refuses their shape.
func decodeGroups(fields map[string]json.RawMessage) (map[string]string, int) {
	raw, ok := fields["group"]
	if !ok {
		return nil, codeInvalidParams
	}
	var entries map[string]json.RawMessage
	if json.Unmarshal(raw, &entries) != nil || entries == nil {
		return nil, codeInvalidType
	}
	if len(entries) == 0 {
		return nil, codeInvalidGroup
	}
	groups, refused := map[string]string{}, 0
	for _, id := range slices.Sorted(maps.Keys(entries)) {
		value, code := decodeReceive(entries[id])
		groups[id], refused = value, cmp.Or(refused, code)
	}
	return groups, refused
}

func decodeReceive(raw json.RawMessage) (string, int) {
	var entry map[string]json.RawMessage
	if json.Unmarshal(raw, &entry) != nil || entry == nil {
		return string(raw), codeInvalidType
	}
	value, code := text(entry, "receive_call", codeInvalidParams)
	switch {
	case code != 0:
		return string(raw), code
	case len(entry) != 1:
		return string(raw), codeUnknownField
	case value != "Y" && value != "N":
		return value, codeInvalidGroup
	}
	return value, 0
}

func unknownField(fields map[string]json.RawMessage) int {
	for name := range fields {
		if !slices.Contains([]string{"ssid", "userId", "token", "agentId", "group"}, name) {
			return codeUnknownField
		}
	}
	return 0
}

// text returns a field that must be a string; missing is the code for one that
// isn't there or is empty.
func text(fields map[string]json.RawMessage, name string, missing int) (string, int) {
	raw, ok := fields[name]
	if !ok {
		return "", missing
	}
	var value string
	if raw[0] != '"' || json.Unmarshal(raw, &value) != nil {
		return "", codeInvalidType
	}
	if value == "" {
		return "", missing
	}
	return value, 0
}

// maskedBody is the request's body with the credentials struck out. Of a body
// that can't be read nothing is kept: there is no telling what is in it.
func (q request) maskedBody() []byte {
	if q.fields == nil {
		return nil
	}
	fields := maps.Clone(q.fields)
	for _, name := range []string{"token", "ssid"} {
		if _, ok := fields[name]; ok {
			fields[name] = json.RawMessage(`"` + masked + `"`)
		}
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return nil
	}
	return body
}
