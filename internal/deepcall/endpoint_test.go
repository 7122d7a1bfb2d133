package deepcall

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestParseEndpoint(t *testing.T) {
	const path = "/api/v2/Agent/updateAgentGroupMapping"
	for name, tc := range map[string]struct {
		endpoint string
		insecure bool
		want     string // the URL, or a part of the error
	}{
		"accepts a base URL":                   {"https://v4-api.deepcall.com", false, "https://v4-api.deepcall.com" + path},
		"accepts a trailing slash":             {"https://v4-api.deepcall.com/", false, "https://v4-api.deepcall.com" + path},
		"accepts a path before":                {"https://proxy.example/deep%2Fcall/x", false, "https://proxy.example/deep%2Fcall/x" + path},
		"accepts a path with a trailing slash": {"https://proxy.example/deepcall//", false, "https://proxy.example/deepcall" + path},
		"accepts a port":                       {"https://proxy.example:8443", false, "https://proxy.example:8443" + path},
		"accepts an IPv6 address":              {"https://[2001:db8::1]:8443", false, "https://[2001:db8::1]:8443" + path},
		"accepts a scheme in capitals":         {"HTTPS://v4-api.deepcall.com", false, "https://v4-api.deepcall.com" + path},
		"accepts http where that is allowed":   {"http://localhost:8080", true, "http://localhost:8080" + path},
		"rejects http":                         {"http://v4-api.deepcall.com", false, "must begin with https://"},
		"rejects other schemes always":         {"ftp://v4-api.deepcall.com", true, "must begin with https://"},
		"rejects nothing":                      {"", true, "must begin with https://"},
		"rejects a bare host":                  {"v4-api.deepcall.com", true, "must begin with https://"},
		"rejects a path alone":                 {"/api", true, "must begin with https://"},
		"rejects an opaque URL":                {"https:v4-api.deepcall.com", false, "has no host"},
		"rejects an empty host":                {"https:///api", false, "has no host"},
		"rejects a port without a host":        {"https://:443", false, "has no host"},
		"rejects an empty port":                {"https://v4-api.deepcall.com:", false, "invalid port"},
		"rejects a port out of range":          {"https://v4-api.deepcall.com:65536", false, "invalid port"},
		"rejects port 0":                       {"https://v4-api.deepcall.com:0", false, "invalid port"},
		"rejects a user":                       {"https://QQQ@v4-api.deepcall.com", false, "user name or password"},
		"rejects a password":                   {"https://u:QQQ@v4-api.deepcall.com", false, "user name or password"},
		"rejects a query":                      {"https://v4-api.deepcall.com?token=QQQ", false, "query"},
		"rejects an empty query":               {"https://v4-api.deepcall.com?", false, "query"},
		"rejects a fragment":                   {"https://v4-api.deepcall.com#QQQ", false, "fragment"},
		"rejects an empty fragment":            {"https://v4-api.deepcall.com#", false, "fragment"},
		"accepts a trailing dot":               {"https://v4-api.deepcall.com.:8443", false, "https://v4-api.deepcall.com.:8443" + path},
		"accepts a part of the API's path":     {"https://proxy.example/api/v2", false, "https://proxy.example/api/v2" + path},
		"rejects a dot as the host":            {"https://.", false, "has no host"},
		"rejects the request's path":           {"https://v4-api.deepcall.com" + path, false, "must not end in " + path + ", which the operator appends: use https://v4-api.deepcall.com"},
		"rejects it with a trailing slash":     {"https://v4-api.deepcall.com:8443" + path + "/", false, "the operator appends: use https://v4-api.deepcall.com:8443"},
		"rejects it in any case":               {"https://v4-api.deepcall.com/API/V2/agent/UPDATEagentGroupMapping//", false, "the operator appends: use https://v4-api.deepcall.com"},
		"rejects it below a path":              {"https://proxy.example/deep%2Fcall" + path, false, "the operator appends: use https://proxy.example/deep%2Fcall"},
		"rejects it with double slashes":       {"https://proxy.example//api//v2/Agent/updateAgentGroupMapping", false, "the operator appends: use https://proxy.example"},
		"rejects it with escapes":              {"https://v4-api.deepcall.com/api/v2/%41gent/updateAgentGroupMapping", false, "the operator appends: use https://v4-api.deepcall.com"},
		"quotes no user with it":               {"https://QQQ:QQQ@v4-api.deepcall.com" + path, false, "user name or password"},
		"quotes no query with it":              {"https://v4-api.deepcall.com" + path + "?QQQ", false, "query"},
		"rejects other scripts in a host":      {"https://v4-api.deepcâll.com", false, "characters other than ASCII"},
		"rejects them percent-encoded":         {"https://%E2%91%A0%E2%91%A1%E2%91%A6.0.0.1", false, "characters other than ASCII"},
		"rejects a short IPv4 address":         {"https://127.1", false, "four decimal numbers"},
		"rejects a decimal IPv4 address":       {"https://2130706433", false, "four decimal numbers"},
		"rejects an octal IPv4 address":        {"https://0177.0.0.1", false, "four decimal numbers"},
		"rejects a hexadecimal IPv4 address":   {"https://0x7f000001", false, "four decimal numbers"},
		"rejects a hexadecimal part of it":     {"https://127.0.0.0X1", false, "four decimal numbers"},
		"rejects zero":                         {"https://0", false, "four decimal numbers"},
		"rejects leading zeros":                {"https://010.000.000.001", false, "four decimal numbers"},
		"rejects five numbers":                 {"https://1.2.3.4.5", false, "four decimal numbers"},
		"rejects a number out of range":        {"https://1.2.3.256", false, "four decimal numbers"},
		"rejects an IPv4 address with a dot":   {"https://8.8.8.8.", false, "four decimal numbers"},
		"accepts an IPv4 address":              {"https://192.0.2.7:8443", false, "https://192.0.2.7:8443" + path},
		"accepts numbers within a name":        {"https://127.0.0.1.example", false, "https://127.0.0.1.example" + path},
		"rejects spaces":                       {" https://QQQ", false, "is not a URL"},
		"rejects control characters":           {"https://QQQ\n", false, "is not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseEndpoint(tc.endpoint, tc.insecure)
			if err == nil {
				if got.String() != tc.want || !strings.HasPrefix(got.RequestURI(), "/") {
					t.Errorf("got %s as %s, want %s", got, got.RequestURI(), tc.want)
				}
				return
			}
			var typed *EndpointError
			if !errors.As(err, &typed) || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "QQQ") {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

func TestDialControl(t *testing.T) {
	for want, addresses := range map[bool][]string{
		true: {
			"8.8.8.8", "2001:db8::1", "2002:808:808::1",
			"10.0.0.1", "192.168.1.1", "fd00::1", "100.64.0.1", // DeepCall may be behind a private link
			"64:ff9b::8.8.8.8", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "64:ff9b:1::10.0.0.1", "64:ff9b:1:a00:0:100::",
			"2001:0:808:808::f7f7:f7f7", // Teredo
			"2001:db8::5efe:a00:1",      // ISATAP
			"fd00:ec3::254", "168.63.129.17",
		},
		false: {
			"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1", "255.255.255.255",
			"::", "::1", "fe80::1", "fe80::1%eth0", "ff02::1", "ff02::1%eth0",
			"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0", "::127.0.0.1", "::169.254.169.254",
			"::ffff:0:127.0.0.1", "::ffff:0:169.254.1.1",
			"64:ff9b::127.0.0.1", "64:ff9b::169.254.1.1", "64:ff9b::0.0.0.0",
			"64:ff9b:1::127.0.0.1", "64:ff9b:1::0.0.0.0", "64:ff9b:1:2::127.0.0.1", "64:ff9b:1::169.254.169.254",
			"64:ff9b:1:7f00:0:100::", "64:ff9b:1:a9fe:a9:fe00::", // RFC 6052, a prefix of 48 bits
			"64:ff9b:1:7f:0:1::",     // of 56 bits
			"64:ff9b:1:0:7f:0:100:0", // of 64 bits
			"2002:7f00:1::1", "2002:a9fe:a9fe::",
			"2001:0:7f00:1::f7f7:f7f7",                               // Teredo, the server
			"2001:0:808:808::80ff:fffe", "2001:0:808:808::5601:5601", // Teredo, the client
			"2001:db8::5efe:7f00:1", "2001:db8::200:5efe:a9fe:a9fe", // ISATAP
			"fd00:ec2::254", "fd00:ec2::23", // Amazon
			"fd20:ce::254",                          // Google
			"fd00:42::42",                           // Scaleway
			"168.63.129.16", "::ffff:168.63.129.16", // Azure
			"100.100.100.200", "64:ff9b::100.100.100.200", // Alibaba
			"192.0.0.192", // Oracle
		},
	} {
		for _, address := range addresses {
			t.Run(address, func(t *testing.T) {
				addrPort := netip.AddrPortFrom(netip.MustParseAddr(address), 443)
				err := dialControl(context.Background(), "tcp", addrPort.String(), nil)
				if (err == nil) != want || err != nil && !errors.Is(err, errAddressNotAllowed) {
					t.Errorf("got %v, want allowed %v", err, want)
				}
			})
		}
	}
	t.Run("a name", func(t *testing.T) {
		if dialControl(context.Background(), "tcp", "localhost:443", nil) == nil {
			t.Error("was allowed")
		}
	})
}

func TestLiteralAddressesAndLocalNamesAreChecked(t *testing.T) {
	for host, want := range map[string]bool{
		"v4-api.deepcall.com":     true,
		"localhost.deepcall.com":  true,
		"notlocalhost":            true,
		"192.0.2.7":               true,
		"[2001:db8::1]":           true,
		"10.0.0.1":                true,
		"127.0.0.1":               false,
		"[::1]":                   false,
		"[fe80::1%25eth0]":        false,
		"[::ffff:127.0.0.1]":      false,
		"[64:ff9b:1::7f00:1]":     false,
		"[fd00:ec2::254]":         false,
		"168.63.129.16":           false,
		"localhost":               false,
		"LocalHost":               false,
		"localhost.":              false,
		"deepcall.localhost":      false,
		"deepcall.LOCALHOST.:443": false,
	} {
		t.Run(host, func(t *testing.T) {
			sent := false
			strict := func(cfg *Config) { cfg.AllowInsecure = false }
			_, e := send(t, client(t, "https://"+host, strict, withTransport(func(http.RoundTripper, *http.Request) (*http.Response, error) {
				sent = true
				return nil, errors.New("not sent")
			})))
			if sent != want || (e.Entry == entryEndpointNotAllowed) == want || e.Uncertain {
				t.Errorf("got %v, sent %v, want sent %v", e, sent, want)
			}
		})
	}
}

func TestSameEndpoint(t *testing.T) {
	const endpoint = "https://v4-api.deepcall.com/x"
	for other, want := range map[string]bool{
		endpoint:                            true,
		endpoint + "/":                      true,
		endpoint + "//":                     true,
		"HTTPS://V4-API.DeepCall.com/x":     true,
		"https://v4-api.deepcall.com:443/x": true,
		"https://v4-api.deepcall.com./x":    true,
		"https://v4-api.deepcall.com":       false,
		"https://v4-api.deepcall.com/x/y":   false,
		"https://v4-api.deepcall.com/X":     false,
		"https://v4-api.deepcall.com:80/x":  false,
		"https://v5-api.deepcall.com/x":     false,
		"http://v4-api.deepcall.com/x":      false,
		"http://v4-api.deepcall.com:443/x":  false,
		"":                                  false,
		"%":                                 false,
	} {
		if SameEndpoint(endpoint, other) != want || SameEndpoint(other, endpoint) != want {
			t.Errorf("%q: got %v", other, !want)
		}
	}
	for one, other := range map[string]string{
		"http://localhost":      "http://localhost:80/",
		"https://[2001:DB8::1]": "https://[2001:db8::1]:443",
		"%":                     "%/",
	} {
		if !SameEndpoint(one, other) {
			t.Errorf("%q and %q: got false", one, other)
		}
	}
}

func TestTrailingDotIsNotSent(t *testing.T) {
	for endpoint, want := range map[string]string{
		"https://v4-api.deepcall.com.":      "v4-api.deepcall.com",
		"https://v4-api.deepcall.com.:8443": "v4-api.deepcall.com:8443",
		"https://v4-api.deepcall.com:8443":  "v4-api.deepcall.com:8443",
		"https://[2001:db8::1]:8443":        "[2001:db8::1]:8443",
	} {
		t.Run(endpoint, func(t *testing.T) {
			var got string
			send(t, client(t, endpoint, withTransport(func(_ http.RoundTripper, req *http.Request) (*http.Response, error) {
				got = req.Host
				return nil, errors.New("not sent")
			})))
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}
