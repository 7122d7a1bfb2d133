package deepcall

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
)

// apiPath is the path of the request below the endpoint.
const apiPath = "api/v2/Agent/updateAgentGroupMapping"

// EndpointError is returned by NewClient for an invalid endpoint. Its text says how
// the account's owner corrects it.
type EndpointError struct{ Problem string }

func (e *EndpointError) Error() string { return "the endpoint " + e.Problem }

// parseEndpoint returns the URL of requests. Errors don't quote the endpoint, which
// can hold a password.
func parseEndpoint(endpoint string, allowInsecure bool) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, &EndpointError{"is not a URL: give the base URL, such as https://v4-api.deepcall.com"}
	}
	port, portErr := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && allowInsecure):
		return nil, &EndpointError{"must begin with https://"}
	case u.Hostname() == "":
		return nil, &EndpointError{"has no host: give the base URL, such as https://v4-api.deepcall.com"}
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

var errAddressNotAllowed = errors.New("the address is not allowed")

// dialControl rejects addresses that are not allowed when they are dialed, so that a
// name is checked each time it resolves.
func dialControl(_ context.Context, _, address string, _ syscall.RawConn) error {
	addrPort, err := netip.ParseAddrPort(address)
	if err != nil || !allowed(addrPort.Addr()) {
		return errAddressNotAllowed
	}
	return nil
}

// embedded lists the IPv6 prefixes that embed an IPv4 address, and the byte at which
// it begins.
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
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8") // RFC 1122; to Linux 0.0.0.0 is the local host
	broadcast   = netip.MustParseAddr("255.255.255.255")
)

// allowed reports whether the address, or the IPv4 address embedded in it, can be
// that of another machine: not loopback, link-local, unspecified, multicast or
// broadcast.
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
