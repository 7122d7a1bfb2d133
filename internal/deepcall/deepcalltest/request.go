package deepcalltest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
)

// The codes of the answers that need no fault. Their texts are in the catalogue of
// package deepcall.
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

// payload is the body of a request, as far as it can be parsed. It holds the agent and
// the groups of an invalid request too, for the ledger.
type payload struct {
	fields map[string]json.RawMessage
	auth   auth
	agent  string
	groups map[string]string // as sent; values other than {"receive_call": "..."} as JSON
	body   int               // the error code for the body as a whole, or 0
	shape  int               // the error code for agentId and group, or 0
}

// auth holds the credentials of a request.
type auth struct {
	kind                AuthKind
	userID, token, ssid string
	code                int // the error code for the fields, or 0
}

func (a auth) matches(acc Account) bool {
	if a.kind == AuthSession {
		return slices.Contains(acc.Sessions, a.ssid)
	}
	return acc.UserID == a.userID && acc.Token != "" && acc.Token == a.token
}

func decode(body []byte) payload {
	if len(bytes.TrimSpace(body)) == 0 {
		return payload{body: codeEmptyBody}
	}
	if !json.Valid(body) {
		return payload{body: codeInvalidParams}
	}
	var q payload
	if json.Unmarshal(body, &q.fields) != nil || q.fields == nil {
		return payload{body: codeInvalidType}
	}
	if len(q.fields) == 0 {
		q.body = codeEmptyBody
	}
	q.auth = decodeAuth(q.fields)
	q.agent, q.shape = stringField(q.fields, "agentId", codeInvalidParams)
	groups, code := decodeGroups(q.fields)
	q.groups = groups
	q.shape = cmp.Or(unknownField(q.fields), q.shape, code)
	return q
}

func decodeAuth(fields map[string]json.RawMessage) auth {
	_, hasSSID := fields["ssid"]
	_, hasUser := fields["userId"]
	_, hasToken := fields["token"]
	userID, userCode := stringField(fields, "userId", codeNoUserID)
	token, tokenCode := stringField(fields, "token", codeNoToken)
	ssid, ssidCode := stringField(fields, "ssid", codeNoToken)
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

// decodeGroups returns the groups as sent and the error code for their format, or 0.
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
	groups, errorCode := map[string]string{}, 0
	for _, id := range slices.Sorted(maps.Keys(entries)) {
		value, code := decodeReceive(entries[id])
		groups[id], errorCode = value, cmp.Or(errorCode, code)
	}
	return groups, errorCode
}

func decodeReceive(raw json.RawMessage) (string, int) {
	var entry map[string]json.RawMessage
	if json.Unmarshal(raw, &entry) != nil || entry == nil {
		return string(raw), codeInvalidType
	}
	value, code := stringField(entry, "receive_call", codeInvalidParams)
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

// stringField returns a field that must be a string, and an error code or 0. missing is
// the code for an absent or empty field.
func stringField(fields map[string]json.RawMessage, name string, missing int) (string, int) {
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

// maskedBody returns the body with masked credentials. It returns nothing of a body that
// can't be parsed, since credentials can be anywhere in it.
func (q payload) maskedBody() []byte {
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
