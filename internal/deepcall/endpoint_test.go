package deepcall

import (
	"context"
	"errors"
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
	for address, want := range map[string]bool{
		"8.8.8.8":                true,
		"10.0.0.1":               true, // DeepCall may be behind a private link
		"192.168.1.1":            true,
		"2001:db8::1":            true,
		"fd00::1":                true,
		"64:ff9b::8.8.8.8":       true,
		"2002:808:808::1":        true,
		"127.0.0.1":              false,
		"127.255.255.254":        false,
		"0.0.0.0":                false,
		"0.1.2.3":                false,
		"169.254.169.254":        false,
		"224.0.0.1":              false,
		"255.255.255.255":        false,
		"::":                     false,
		"::1":                    false,
		"fe80::1":                false,
		"fe80::1%eth0":           false,
		"ff02::1":                false,
		"ff02::1%eth0":           false,
		"::ffff:127.0.0.1":       false,
		"::ffff:169.254.169.254": false,
		"::ffff:0.0.0.0":         false,
		"::127.0.0.1":            false,
		"::ffff:0:127.0.0.1":     false,
		"64:ff9b::127.0.0.1":     false,
		"64:ff9b::169.254.1.1":   false,
		"2002:7f00:1::1":         false,
		"2002:a9fe:a9fe::":       false,
	} {
		t.Run(address, func(t *testing.T) {
			addrPort := netip.AddrPortFrom(netip.MustParseAddr(address), 443)
			err := dialControl(context.Background(), "tcp", addrPort.String(), nil)
			if (err == nil) != want || err != nil && !errors.Is(err, errAddressNotAllowed) {
				t.Errorf("got %v, want allowed %v", err, want)
			}
		})
	}
	t.Run("a name", func(t *testing.T) {
		if dialControl(context.Background(), "tcp", "localhost:443", nil) == nil {
			t.Error("was allowed")
		}
	})
}
