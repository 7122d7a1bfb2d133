package deepcall

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
)

// apiPath is where the call lives below the brand's base URL.
const apiPath = "api/v2/Agent/updateAgentGroupMapping"

// EndpointError is returned by NewClient for an endpoint that can't be used.
// Whoever owns the account corrects it; the text says how.
type EndpointError struct{ Problem string }

func (e *EndpointError) Error() string { return "the endpoint " + e.Problem }

// parseEndpoint returns the URL to call. The endpoint is not quoted in errors,
// since people put passwords there.
func parseEndpoint(endpoint string, allowInsecure bool) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, &EndpointError{"is not a URL: give the brand's base URL, such as https://v4-api.deepcall.com"}
	}
	port, portErr := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && allowInsecure):
		return nil, &EndpointError{"must begin with https://"}
	case u.Hostname() == "":
		return nil, &EndpointError{"has no host: give the brand's base URL, such as https://v4-api.deepcall.com"}
	case strings.HasSuffix(u.Host, ":"), u.Port() != "" && (portErr != nil || port == 0):
		return nil, &EndpointError{"has an invalid port: give one from 1 to 65535, or none"}
	case u.User != nil:
		return nil, &EndpointError{"must not hold a user name or password: credentials belong in the Secret"}
	case u.RawQuery != "" || u.ForceQuery:
		return nil, &EndpointError{"must not have a query: leave out the question mark and what follows"}
	case strings.Contains(endpoint, "#"):
		return nil, &EndpointError{"must not have a fragment: leave out the # and what follows"}
	}
	if u.Path == "" {
		u.Path = "/" // or JoinPath would return a relative path
	}
	return u.JoinPath(apiPath), nil
}

// addressError says that the endpoint resolves to an address that is refused.
type addressError struct{ address netip.Addr }

func (e *addressError) Error() string { return fmt.Sprintf("address %s is not allowed", e.address) }

// guard refuses an address as it is dialled, so a name that resolves to something
// else than before does not pass.
func guard(_ context.Context, _, address string, _ syscall.RawConn) error {
	addrPort, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("unexpected address: %w", err)
	}
	if !allowed(addrPort.Addr()) {
		return &addressError{addrPort.Addr()}
	}
	return nil
}

// Prefixes that carry an IPv4 address: at which byte of the sixteen it begins.
var embedded = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("::/96"), 12},           // IPv4-compatible, RFC 4291
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12}, // IPv4-translated, RFC 2765
	{netip.MustParsePrefix("64:ff9b::/96"), 12},    // NAT64, RFC 6052
	{netip.MustParsePrefix("2002::/16"), 2},        // 6to4, RFC 3056
}

var (
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8") // RFC 1122; Linux takes 0.0.0.0 for itself
	broadcast   = netip.MustParseAddr("255.255.255.255")
)

func allowed(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() || addr.IsMulticast() ||
		thisNetwork.Contains(addr) || addr == broadcast {
		return false
	}
	for _, e := range embedded {
		if e.prefix.Contains(addr) {
			bytes := addr.As16()
			return allowed(netip.AddrFrom4([4]byte(bytes[e.at:])))
		}
	}
	return true
}
