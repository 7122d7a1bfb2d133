package deepcall

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"syscall"
)

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

// allowedHost reports whether the host of an endpoint can be used: a name that is not
// reserved for the local host (RFC 6761), or an address that is allowed.
func allowedHost(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return allowed(addr)
	}
	name := "." + strings.ToLower(strings.TrimRight(host, "."))
	return !strings.HasSuffix(name, ".localhost")
}

var (
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8") // RFC 1122; to Linux 0.0.0.0 is the local host
	broadcast   = netip.MustParseAddr("255.255.255.255")
)

// metadataServices lists the addresses of the clouds' services for their own machines
// that are not link-local. They hand out credentials.
var metadataServices = []netip.Prefix{
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle
	netip.MustParsePrefix("fd00:42::42/128"),    // Scaleway
	netip.MustParsePrefix("fd00:ec2::/32"),      // Amazon
	netip.MustParsePrefix("fd20:ce::254/128"),   // Google
}

// allowed reports whether the address, and the IPv4 addresses embedded in it, can be
// those of another machine: not loopback, link-local, unspecified, multicast,
// broadcast or a cloud's metadata service. Private addresses are allowed.
func allowed(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() || addr.IsMulticast() ||
		thisNetwork.Contains(addr) || addr == broadcast {
		return false
	}
	for _, service := range metadataServices {
		if service.Contains(addr) {
			return false
		}
	}
	return addr.Is4() || allowedEmbedded(addr)
}

// embeddings lists the IPv6 prefixes that embed an IPv4 address, and the byte at which
// it begins.
var embeddings = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("::/96"), 12},           // IPv4-compatible, RFC 4291
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12}, // IPv4-translated, RFC 2765
	{netip.MustParsePrefix("64:ff9b::/96"), 12},    // NAT64, RFC 6052
	{netip.MustParsePrefix("2002::/16"), 2},        // 6to4, RFC 3056
	{teredo, 4},                                    // the server, RFC 4380
}

var (
	teredo     = netip.MustParsePrefix("2001::/32")
	localNAT64 = netip.MustParsePrefix("64:ff9b:1::/48") // RFC 8215
)

// allowedEmbedded reports whether the IPv4 addresses that an IPv6 address can embed
// are allowed.
func allowedEmbedded(addr netip.Addr) bool {
	b := addr.As16()
	for _, e := range embeddings {
		if e.prefix.Contains(addr) && !allowed(netip.AddrFrom4([4]byte(b[e.at:]))) {
			return false
		}
	}
	if teredo.Contains(addr) && !allowed(netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})) { // the client
		return false
	}
	if isISATAP := b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe; isISATAP { // RFC 5214
		return allowed(netip.AddrFrom4([4]byte(b[12:])))
	}
	return !localNAT64.Contains(addr) || allowedLocalNAT64(b)
}

// allowedLocalNAT64 reports whether an address of the local-use NAT64 prefix is
// allowed. The position of the IPv4 address depends on the prefix that the network
// uses below it (RFC 6052, 2.2), so each one is checked. At the positions not in use
// are zeros.
func allowedLocalNAT64(b [16]byte) bool {
	found := false
	for _, at := range [][4]int{{6, 7, 9, 10}, {7, 9, 10, 11}, {9, 10, 11, 12}, {12, 13, 14, 15}} {
		addr := netip.AddrFrom4([4]byte{b[at[0]], b[at[1]], b[at[2]], b[at[3]]})
		if thisNetwork.Contains(addr) {
			continue
		}
		if !allowed(addr) {
			return false
		}
		found = true
	}
	return found
}
