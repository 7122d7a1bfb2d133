package deepcall

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// apiPath is the path of the request below the endpoint.
const apiPath = "/api/v2/Agent/updateAgentGroupMapping"

// EndpointError is returned by NewClient for an invalid endpoint. Its text says how
// the account's owner corrects it.
type EndpointError struct{ Problem string }

func (e *EndpointError) Error() string { return "the endpoint " + e.Problem }

// ValidateEndpoint returns an EndpointError if no client accepts the endpoint. It accepts plain http, which some clients do.
func ValidateEndpoint(endpoint string) error {
	_, err := parseEndpoint(endpoint, true)
	return err
}

// SameEndpoint reports whether requests to both endpoints are the same: trailing slashes, a default port, and the case and
// the trailing dot of the host make no difference.
func SameEndpoint(a, b string) bool {
	return a == b || canonicalEndpoint(a) == canonicalEndpoint(b)
}

// canonicalEndpoint returns the one notation of equal endpoints.
func canonicalEndpoint(endpoint string) string {
	endpoint = strings.TrimRight(endpoint, "/")
	u, err := parseEndpoint(endpoint, true)
	if err != nil {
		return endpoint
	}
	u.Host = strings.ToLower(hostHeader(u))
	if u.Port() == map[string]string{"https": "443", "http": "80"}[u.Scheme] {
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	}
	return u.String()
}

// parseEndpoint returns the URL of requests. Errors quote the endpoint only if it has
// no user info, query or fragment, which can hold a password.
func parseEndpoint(endpoint string, allowInsecure bool) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, &EndpointError{"is not a URL: give the base URL, such as https://v4-api.deepcall.com"}
	}
	port, portErr := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && allowInsecure):
		return nil, &EndpointError{"must begin with https://"}
	case strings.Trim(u.Hostname(), ".") == "":
		return nil, &EndpointError{"has no host: give the base URL, such as https://v4-api.deepcall.com"}
	case strings.HasSuffix(u.Host, ":"), u.Port() != "" && (portErr != nil || port == 0):
		return nil, &EndpointError{"has an invalid port: give one from 1 to 65535, or none"}
	case u.User != nil:
		return nil, &EndpointError{"must not hold a user name or password: credentials belong in the Secret"}
	case u.RawQuery != "" || u.ForceQuery:
		return nil, &EndpointError{"must not have a query: leave out the question mark and what follows"}
	case strings.Contains(endpoint, "#"):
		return nil, &EndpointError{"must not have a fragment: leave out the # and what follows"}
	case notASCII.MatchString(u.Host):
		return nil, &EndpointError{"has a host with characters other than ASCII: give the name's ASCII form, which begins with xn--"}
	case isMalformedIPv4(u.Hostname()):
		return nil, &EndpointError{"has a host that is neither a name nor an IP address: write an IPv4 address as four decimal numbers, such as 192.0.2.7"}
	}
	if u.Path == "" {
		u.Path = "/" // or JoinPath would return a relative path
	}
	target := u.JoinPath(apiPath)
	if strings.HasSuffix(strings.ToLower(target.Path), strings.ToLower(apiPath+apiPath)) {
		return nil, &EndpointError{fmt.Sprintf("must not end in %s, which the operator appends: use %s", apiPath, baseURL(target))}
	}
	return target, nil
}

var (
	notASCII = regexp.MustCompile(`[^\x00-\x7f]`)
	// endsInNumber matches hosts that some programs parse as an IPv4 address, such as 127.1 and 0x7f000001.
	endsInNumber = regexp.MustCompile(`(?i)^([^:]*\.)?([0-9]+|0x[0-9a-f]*)\.?$`)
)

// isMalformedIPv4 reports whether a host ends in a number, so that it is not a name,
// and is not an IPv4 address in the usual notation.
func isMalformedIPv4(host string) bool {
	_, err := netip.ParseAddr(host)
	return err != nil && endsInNumber.MatchString(host)
}

// baseURL returns the URL without the API's path, which is there twice.
func baseURL(target *url.URL) string {
	segments := strings.Split(target.EscapedPath(), "/")
	extra := min(len(segments), 2*strings.Count(apiPath, "/"))
	base := url.URL{Scheme: target.Scheme, Host: target.Host}
	return base.String() + strings.Join(segments[:len(segments)-extra], "/")
}

// hostHeader returns the header Host of requests. The dot at the end of a name is for
// the resolver only.
func hostHeader(u *url.URL) string {
	name, ok := strings.CutSuffix(u.Hostname(), ".")
	switch {
	case !ok:
		return u.Host
	case u.Port() != "":
		return net.JoinHostPort(name, u.Port())
	}
	return name
}
