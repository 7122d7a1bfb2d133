package deepcall

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Target is where requests apply groups: at an endpoint, in the DeepCall account of a user.
type Target struct {
	Endpoint string
	// UserHash identifies the user, see Credentials.UserHash. It is empty if the user is not known.
	UserHash string
}

// Differs reports whether groups that were applied at one target are known not to be applied at the other one. A user that is
// not known counts as the same user.
func (t Target) Differs(other Target) bool {
	if !SameEndpoint(t.Endpoint, other.Endpoint) {
		return true
	}
	return t.UserHash != "" && other.UserHash != "" && t.UserHash != other.UserHash && comparableHashes(t.UserHash, other.UserHash)
}

// Comparable reports whether the hashes of the users have the same salt. If not, it is not known whether the users differ.
func (t Target) Comparable(other Target) bool {
	return t.UserHash == "" || other.UserHash == "" || comparableHashes(t.UserHash, other.UserHash)
}

// The lengths of the parts of a hash, in bytes. The first part identifies the salt.
const (
	saltHashSize = 4
	userHashSize = 8
)

// UserHash returns a hash of the user ID, which is the same for all tokens of the user. It is empty for a session, whose user
// is not known. User IDs can be short numbers, so the salt must be random: those who know it can find the user ID by trying
// all, and to others the hash reveals nothing.
func (c Credentials) UserHash(salt string) string {
	s := c.secrets()
	if s.userID == "" {
		return ""
	}
	return hashWith(salt, "salt", "")[:2*saltHashSize] + "-" + hashWith(salt, "user", s.userID)[:2*userHashSize]
}

// comparableHashes reports whether two hashes have the same salt.
func comparableHashes(a, b string) bool {
	saltOfA, _, _ := strings.Cut(a, "-")
	saltOfB, _, _ := strings.Cut(b, "-")
	return saltOfA == saltOfB
}

// TargetKey returns a value that is the same for all credentials that reach the same DeepCall account at the same endpoint, as
// far as that is known: with the same user ID, or with the same session. It is empty without credentials, and must not be
// stored or shown.
func (c Credentials) TargetKey(endpoint string) string {
	if c.IsZero() {
		return ""
	}
	s := c.secrets()
	return hashWith(canonicalEndpoint(endpoint), s.userID, s.ssid)
}

// hashWith returns the HMAC of the parts with the key, in hexadecimal.
func hashWith(key string, parts ...string) string {
	hash := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(hash, "%q", parts)
	return hex.EncodeToString(hash.Sum(nil))
}
