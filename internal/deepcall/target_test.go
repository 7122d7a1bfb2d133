package deepcall

import (
	"regexp"
	"strings"
	"testing"
)

func userToken(t *testing.T, userID, token string) Credentials {
	t.Helper()
	return credentials(t, "userId", userID, "token", token)
}

func TestUserHash(t *testing.T) {
	hash := userToken(t, "1001", "s3cr3t").UserHash("salt")
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{16}$`).MatchString(hash) || strings.Contains(hash, "1001") {
		t.Errorf("got %q", hash)
	}
	if other := userToken(t, "1001", "n3w").UserHash("salt"); other != hash {
		t.Errorf("the hash changes with the token: %q, %q", hash, other)
	}
	if other := userToken(t, "1002", "s3cr3t").UserHash("salt"); other == hash || !comparableHashes(hash, other) {
		t.Errorf("another user has the hash %q, after %q", other, hash)
	}
	if other := userToken(t, "1001", "s3cr3t").UserHash("other"); comparableHashes(hash, other) || other[9:] == hash[9:] {
		t.Errorf("another salt has the hash %q, after %q", other, hash)
	}
	for name, none := range map[string]Credentials{"a session": credentials(t, "ssid", "1001"), "no credentials": {}} {
		if hash := none.UserHash("salt"); hash != "" {
			t.Errorf("%s has the hash %q", name, hash)
		}
	}
}

func TestTarget(t *testing.T) {
	const endpoint, other = "https://v4-api.deepcall.com", "https://v5-api.deepcall.com"
	user, another := userToken(t, "1001", "s3cr3t").UserHash("salt"), userToken(t, "1002", "s3cr3t").UserHash("salt")
	recreated := userToken(t, "1002", "s3cr3t").UserHash("other")
	target := Target{endpoint, user}
	for name, c := range map[string]struct {
		other               Target
		differs, comparable bool
	}{
		"the same":                       {target, false, true},
		"another notation":               {Target{endpoint + "/", user}, false, true},
		"another endpoint":               {Target{other, user}, true, true},
		"another user":                   {Target{endpoint, another}, true, true},
		"a session":                      {Target{endpoint, ""}, false, true},
		"a session at another endpoint":  {Target{other, ""}, true, true},
		"a hash with another salt":       {Target{endpoint, recreated}, false, false},
		"another endpoint, another salt": {Target{other, recreated}, true, false},
		"a hash that a user wrote":       {Target{endpoint, "-"}, false, false},
	} {
		if target.Differs(c.other) != c.differs || c.other.Differs(target) != c.differs {
			t.Errorf("%s: differs is %v", name, !c.differs)
		}
		if target.Comparable(c.other) != c.comparable || c.other.Comparable(target) != c.comparable {
			t.Errorf("%s: comparable is %v", name, !c.comparable)
		}
	}
}

func TestTargetKey(t *testing.T) {
	const endpoint = "https://v4-api.deepcall.com"
	key := userToken(t, "1001", "s3cr3t").TargetKey(endpoint)
	if key != userToken(t, "1001", "n3w").TargetKey(endpoint+"/") {
		t.Error("the key of the same user at the same endpoint differs")
	}
	if credentials(t, "ssid", "abc").TargetKey(endpoint) != credentials(t, "ssid", "abc\n").TargetKey(endpoint+"/") {
		t.Error("the key of the same session differs")
	}
	if (Credentials{}).TargetKey(endpoint) != "" {
		t.Error("there is a key without credentials")
	}
	for name, other := range map[string]string{
		"another user":        userToken(t, "1002", "s3cr3t").TargetKey(endpoint),
		"another endpoint":    userToken(t, "1001", "s3cr3t").TargetKey("https://v5-api.deepcall.com"),
		"a session":           credentials(t, "ssid", "1001").TargetKey(endpoint),
		"shifted separators":  userToken(t, "m/1001", "s3cr3t").TargetKey("https://v4-api.deepcall.co"),
		"no credentials":      Credentials{}.TargetKey(endpoint),
		"a part of the value": userToken(t, "100", "s3cr3t").TargetKey(endpoint),
	} {
		if other == key {
			t.Errorf("%s has the same key", name)
		}
	}
}
