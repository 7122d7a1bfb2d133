package deepcall

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// validID maps a text to an ID that the CRD accepts.
func validID(text string) string {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	var id strings.Builder
	for _, b := range []byte(text[:min(len(text), 64)]) {
		id.WriteByte(allowed[int(b)%len(allowed)])
	}
	return id.String()
}

// parseAny parses credentials of fuzzed bytes. It returns false if they are rejected.
func parseAny(first, second []byte, session bool) (Credentials, secrets, bool) {
	data := map[string][]byte{"userId": first, "token": second}
	if session {
		data = map[string][]byte{"ssid": first}
	}
	cred, err := ParseCredentials(data)
	return cred, cred.secrets(), err == nil
}

func FuzzEncode(f *testing.F) {
	f.Add([]byte("1001"), []byte("s3cr3t"), false, "7", "90 91 92", uint64(5))
	f.Add([]byte(testToken), []byte(nil), true, "a.b", "", uint64(0))
	f.Add([]byte("a\x00\u2028</script>\\\""), []byte("\U0001F600\ufeff\ufffd"), false, "7", "90", uint64(1))
	f.Fuzz(func(t *testing.T, first, second []byte, session bool, agent, groups string, receive uint64) {
		cred, want, ok := parseAny(first, second, session)
		if !ok {
			return
		}
		req := Request{AgentID: validID(agent), Groups: map[string]bool{}}
		for i, group := range strings.Fields(groups) {
			req.Groups[validID(group)] = receive>>(i%64)&1 == 1
		}
		raw := encode(cred, req)
		if !bytes.Equal(raw, encode(cred, req)) {
			t.Error("the encoding is not deterministic")
		}
		fields, err := topLevel(raw) // valid JSON, no key twice
		if err != nil || bytes.ContainsAny(raw, "\r\n") {
			t.Fatalf("the body %q: %v", raw, err)
		}
		var got struct {
			UserID, Token, SSID, AgentID string
			Group                        map[string]map[string]string
		}
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatalf("the body %q: %v", raw, err)
		}
		if (secrets{got.SSID, got.UserID, got.Token}) != want || got.AgentID != req.AgentID {
			t.Errorf("the body %q was parsed as %+v", raw, got)
		}
		if members := len(fields); members != 4 && (!session || members != 3) {
			t.Errorf("the body %q has %d members", raw, members)
		}
		if len(got.Group) != len(req.Groups) {
			t.Errorf("%d groups became %d", len(req.Groups), len(got.Group))
		}
		for id, receives := range req.Groups {
			value := map[bool]string{true: "Y", false: "N"}[receives]
			if len(got.Group[id]) != 1 || got.Group[id]["receive_call"] != value {
				t.Errorf("group %s is %v, want %s", id, got.Group[id], value)
			}
		}
	})
}

func FuzzParseCredentials(f *testing.F) {
	f.Add([]byte("abc"), []byte(nil), []byte(nil))
	f.Add([]byte(nil), []byte("1001\r\n"), []byte("t\n"))
	f.Add([]byte("\n"), []byte("\xff"), []byte("\r\n"))
	f.Add([]byte("\ufeffabc"), []byte("1 001 "), []byte("t\x00\u200b"))
	f.Fuzz(func(t *testing.T, ssid, userID, token []byte) {
		parse := func(values ...[]byte) (Credentials, error) {
			return ParseCredentials(map[string][]byte{"ssid": values[0], "userId": values[1], "token": values[2]})
		}
		cred, err := parse(ssid, userID, token)
		var typed *CredentialsError
		if (err == nil) == cred.IsZero() || err != nil && !errors.As(err, &typed) {
			t.Fatalf("got %v with the error %v", cred, err)
		}
		if err != nil {
			// The text depends only on which values are set, missing or invalid, and on their invisible characters.
			other := func(value []byte) []byte {
				switch {
				case !utf8.Valid(value):
					return []byte{0xff}
				case trimNewline(string(value)) == "":
					return nil
				}
				return []byte(strings.Map(func(r rune) rune {
					if r == ' ' || invisible(r) {
						return r
					}
					return 'x'
				}, string(value)))
			}
			if _, again := parse(other(ssid), other(userID), other(token)); again == nil || again.Error() != err.Error() {
				t.Errorf("the error depends on the values: %q and %v", err, again)
			}
			return
		}
		s := cred.secrets()
		if user := s.userID != "" && s.token != ""; user == (s.ssid != "") || !user && s.userID+s.token != "" {
			t.Error("the credentials are not of exactly one kind")
		}
		for _, pair := range [][2]string{{s.ssid, string(ssid)}, {s.userID, string(userID)}, {s.token, string(token)}} {
			if rest, ok := strings.CutPrefix(pair[1], pair[0]); !ok || rest != "" && rest != "\n" && rest != "\r\n" {
				t.Errorf("%q was parsed as %q", pair[1], pair[0])
			}
		}
	})
}

func FuzzRedactHidesEverySpelling(f *testing.F) {
	for _, text := range []string{"", "the token is ", `{"a":"\u00`, "%", "&#", "QUJD", `\\\`, "\xff\xc3"} {
		f.Add([]byte(testToken), []byte("user-1001"), false, text, "and more")
		f.Add([]byte("tok1/+=&"), []byte(nil), true, text, text)
	}
	f.Add([]byte("s3cr3t"), []byte(nil), true, "the", " token s3cr3t, \\u0073\\x33")
	f.Add([]byte("s3cr3t"), []byte(nil), true, "no user", " has the token")
	f.Fuzz(func(t *testing.T, first, second []byte, session bool, before, after string) {
		cred, s, ok := parseAny(first, second, session)
		if !ok || len(before)+len(after)+len(first)+len(second) > 1<<9 {
			return
		}
		for _, secret := range []string{s.ssid, s.userID, s.token} {
			short := secret == s.userID && shortNumber.MatchString(secret) // hidden as a whole number only
			if short || secret == "" || strings.Contains(redacted, secret) {
				continue
			}
			for name, spell := range spellings {
				if name == "its first half" && len(condense(spell(secret))) < maxPart {
					continue
				}
				spelled := spell(secret)
				for _, text := range []string{before + spelled + after, plain(before) + " " + spelled + " " + plain(after)} {
					got := cred.redact(text)
					if strings.Contains(got, spelled) && spelled != "" || strings.Contains(got, secret) {
						t.Errorf("%s: the secret %q is shown in %q", name, secret, got)
					}
					if !isShowable(got) {
						t.Errorf("%s: not printable or too long: %q", name, got)
					}
				}
			}
		}
		for _, text := range []string{before + after, plain(before + after)} {
			if got := cred.redact(text); !isShowable(got) {
				t.Errorf("not printable or too long: %q", got)
			}
		}
	})
}

func FuzzParseEndpoint(f *testing.F) {
	for _, endpoint := range []string{
		"https://v4-api.deepcall.com", "http://localhost:8080/x", "https://[fe80::1%25eth0]:8443", "https://u:p@h", "https://h?q", "https://h#f",
		"https://h/%2e%2e/%0d%0aHost:%20evil", "https:h", "//h", "https://h:0", "https://h\\@evil", "HTTPS://H/../..", "https://%31%32", "https://h/a;b c",
	} {
		f.Add(endpoint, false)
		f.Add(endpoint, true)
	}
	f.Fuzz(func(t *testing.T, endpoint string, insecure bool) {
		u, err := parseEndpoint(endpoint, insecure)
		if err != nil {
			var typed *EndpointError
			if !errors.As(err, &typed) || u != nil {
				t.Fatalf("got %v with the error %v", u, err)
			}
			return
		}
		if u.Scheme != "https" && (u.Scheme != "http" || !insecure) || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q was parsed as %#v", endpoint, u)
		}
		zone := strings.Contains(u.Host, "%") // of a link-local address, which dialControl rejects
		if again, err := url.Parse(u.String()); !zone && (err != nil || again.Host != u.Host || again.Scheme != u.Scheme) {
			t.Errorf("%q was parsed as %q, which is parsed as %v, %v", endpoint, u, again, err)
		}
		// The request names that server and that path, and the header has no other field.
		var wire bytes.Buffer
		req := (&http.Request{Method: http.MethodPost, URL: u, Host: u.Host}).WithContext(context.Background())
		if req.Write(&wire) != nil {
			return // net/http does not send it
		}
		got, err := http.ReadRequest(bufio.NewReader(&wire))
		if err != nil || !strings.HasSuffix(got.URL.Path, apiPath) || got.URL.RawQuery != "" || len(got.Header) > 2 {
			t.Fatalf("%q is sent as %+v, %v", endpoint, got, err)
		}
		// A host that can't be a DNS name is sent as an empty field, one in another script in Punycode.
		if got.Host != u.Host && got.Host != "" && !zone && !strings.Contains(got.Host, "xn--") {
			t.Errorf("%q is sent to the host %q", u.Host, got.Host)
		}
	})
}

func FuzzAllowedAddresses(f *testing.F) {
	for _, address := range []string{
		"8.8.8.8", "127.0.0.1", "169.254.169.254", "0.0.0.0", "::", "::1", "fe80::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1",
		"2002:7f00:1::", "::ffff:0:127.0.0.1", "ff02::1", "255.255.255.255", "2001:db8::1", "::7f00:1", "fd00::1",
	} {
		f.Add([]byte(net.ParseIP(address)), "eth0")
	}
	f.Add([]byte{10, 0, 0, 1}, "")
	// The same rules, on net.IP instead of netip.
	rejected := func(ip net.IP) bool {
		return ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast() ||
			ip.To4() != nil && (ip.To4()[0] == 0 || ip.Equal(net.IPv4bcast))
	}
	f.Fuzz(func(t *testing.T, raw []byte, zone string) {
		addr, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		got := allowed(addr)
		if got && rejected(raw) {
			t.Errorf("%s is allowed", addr)
		}
		if mapped := netip.AddrFrom16(addr.As16()); allowed(mapped) != got || allowed(mapped.Unmap()) != got {
			t.Errorf("%s and %s are treated differently", addr, mapped)
		}
		if addr.Is6() && allowed(addr.WithZone(validID(zone))) != got {
			t.Errorf("the zone of %s matters", addr)
		}
		if v4 := addr.Unmap(); v4.Is4() {
			bytes := v4.As4()
			for _, prefix := range []string{"64:ff9b::", "::ffff:0:0:0", "::"} {
				carrier := netip.MustParseAddr(prefix).As16()
				copy(carrier[12:], bytes[:])
				if embedding := allowed(netip.AddrFrom16(carrier)); embedding && !got {
					t.Errorf("%s allows %s", netip.AddrFrom16(carrier), v4)
				}
			}
		}
		// The dialer passes the address as net formats it.
		dialed := (&net.TCPAddr{IP: raw, Port: 443}).String()
		if err := dialControl(context.Background(), "tcp", dialed, nil); (err == nil) != got {
			t.Errorf("%s is dialed as %s: %v", addr, dialed, err)
		}
	})
}
