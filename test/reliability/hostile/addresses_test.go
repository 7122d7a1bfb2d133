package hostile

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

const notAllowed = "EndpointNotAllowed"

// dnsAnswers are a name server's answers for the endpoint's name. None of them must lead to this machine.
var dnsAnswers = map[string]struct {
	answer func(query) []byte
	want   string
	slow   bool
}{
	"loopback":                      {answer: addresses("127.0.0.1"), want: notAllowed},
	"another loopback address":      {answer: addresses("127.8.9.10"), want: notAllowed},
	"loopback of IPv6":              {answer: addresses("::1"), want: notAllowed},
	"loopback of both":              {answer: addresses("127.0.0.1", "::1"), want: notAllowed},
	"the unspecified address":       {answer: addresses("0.0.0.0"), want: notAllowed},
	"the unspecified one of IPv6":   {answer: addresses("::"), want: notAllowed},
	"the local network":             {answer: addresses("0.1.2.3"), want: notAllowed},
	"a cloud's metadata server":     {answer: addresses("169.254.169.254"), want: notAllowed},
	"link-local of IPv6":            {answer: addresses("fe80::1"), want: notAllowed},
	"multicast":                     {answer: addresses("224.0.0.1"), want: notAllowed},
	"broadcast":                     {answer: addresses("255.255.255.255"), want: notAllowed},
	"loopback, mapped":              {answer: addresses("::ffff:127.0.0.1"), want: notAllowed},
	"metadata, mapped":              {answer: addresses("::ffff:169.254.169.254"), want: notAllowed},
	"loopback, compatible":          {answer: addresses("::127.0.0.1"), want: notAllowed},
	"loopback, translated":          {answer: addresses("::ffff:0:127.0.0.1"), want: notAllowed},
	"loopback behind NAT64":         {answer: addresses("64:ff9b::127.0.0.1"), want: notAllowed},
	"loopback behind 6to4":          {answer: addresses("2002:7f00:1::"), want: notAllowed},
	"loopback behind local NAT64":   {answer: addresses("64:ff9b:1::7f00:1", "64:ff9b:1:7f00:0:100::"), want: notAllowed},
	"loopback behind Teredo":        {answer: addresses("2001:0:7f00:1::", "2001:0:808:808::80ff:fffe"), want: notAllowed},
	"loopback behind ISATAP":        {answer: addresses("2001:db8::5efe:7f00:1"), want: notAllowed},
	"metadata, compatible":          {answer: addresses("::169.254.169.254"), want: notAllowed},
	"metadata of Amazon, IPv6":      {answer: addresses("fd00:ec2::254"), want: notAllowed},
	"metadata of Azure":             {answer: addresses("168.63.129.16"), want: notAllowed},
	"metadata of Alibaba":           {answer: addresses("100.100.100.200"), want: notAllowed},
	"metadata of Oracle":            {answer: addresses("192.0.0.192"), want: notAllowed},
	"metadata of Google, IPv6":      {answer: addresses("fd20:ce::254"), want: notAllowed},
	"metadata of Scaleway, IPv6":    {answer: addresses("fd00:42::42"), want: notAllowed},
	"an alias of localhost":         {answer: alias("localhost", "127.0.0.1"), want: notAllowed},
	"an alias of an address":        {answer: alias("127.0.0.1", "127.0.0.1"), want: notAllowed},
	"thirty loopback addresses":     {answer: addresses(manyLoopback()...), want: notAllowed},
	"several that are not allowed":  {answer: addresses("127.0.0.1", "0.0.0.0", "169.254.1.1", "::1", "fe80::1", "::ffff:127.0.0.1"), want: notAllowed},
	"no such name":                  {answer: fails(noSuchName), want: "ConnectionFailed"},
	"no address":                    {answer: addresses(), want: "ConnectionFailed"},
	"a server failure":              {answer: fails(serverFailure), want: "ConnectionFailed"},
	"a refusal":                     {answer: fails(refused), want: "ConnectionFailed"},
	"no answer":                     {answer: func(query) []byte { return nil }, want: "Timeout", slow: true},
	"noise":                         {answer: func(query) []byte { return []byte("noise") }, want: "Timeout", slow: true},
	"an answer to another question": {answer: wrongID, want: "Timeout", slow: true},
	"addresses of the wrong length": {answer: func(q query) []byte { return q.reply(noError, record(q.kind, []byte{127, 0, 0})) }, want: "ConnectionFailed"},
	"an alias of itself":            {answer: func(q query) []byte { return q.reply(noError, record(typeCNAME, []byte{0xc0, 12})) }, want: "ConnectionFailed"},
	"the question":                  {answer: func(q query) []byte { return q.raw }, want: "Timeout", slow: true},
}

func fails(code byte) func(query) []byte {
	return func(q query) []byte { return q.reply(code) }
}

func wrongID(q query) []byte {
	reply := addresses("127.0.0.1")(q)
	reply[0] ^= 0xff // the ID of another question
	return reply
}

func manyLoopback() []string {
	var all []string
	for i := range 30 {
		all = append(all, fmt.Sprintf("127.0.0.%d", i+1))
	}
	return all
}

func TestResolvedAddresses(t *testing.T) {
	s := &server{tlsConfig: serverConfig(func(c *x509.Certificate) { c.DNSNames = []string{"v4-api.deepcall.test"} })}
	var serverName atomic.Pointer[string]
	s.tlsConfig.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		serverName.Store(&hello.ServerName)
		return nil, nil
	}
	s.start(t)
	defer s.stop()
	port := netip.MustParseAddrPort(s.listener.Addr().String()).Port()
	endpoint := fmt.Sprintf("https://v4-api.deepcall.test:%d", port)

	t.Run("are all allowed with AllowInsecure", func(t *testing.T) {
		resolve(t, addresses("127.0.0.1"))
		c := newTestClient(t, deepcall.Config{Endpoint: endpoint, AllowInsecure: true, CABundle: trustedBundle, Timeout: longTimeout})
		expectHonest(t, c, "the request")
	})
	t.Run("are those of a name with a trailing dot, which the server doesn't get", func(t *testing.T) {
		resolve(t, addresses("127.0.0.1"))
		dotted := fmt.Sprintf("https://v4-api.deepcall.test.:%d", port)
		c := newTestClient(t, deepcall.Config{Endpoint: dotted, AllowInsecure: true, CABundle: trustedBundle, Timeout: longTimeout})
		expectHonest(t, c, "the request")
		if got, want := *s.lastHost.Load(), fmt.Sprintf("v4-api.deepcall.test:%d", port); got != want {
			t.Errorf("the header Host is %s, want %s", got, want)
		}
		if got := *serverName.Load(); got != "v4-api.deepcall.test" {
			t.Errorf("the TLS server name is %s", got)
		}
	})
	before := s.connections.Load()
	for name, tc := range dnsAnswers {
		t.Run(name, func(t *testing.T) {
			closeConns := resolve(t, tc.answer)
			withoutLeaks(t, func() {
				defer closeConns()
				cfg := deepcall.Config{Endpoint: endpoint, CABundle: trustedBundle, Timeout: longTimeout}
				if tc.slow {
					cfg.Timeout = shortTimeout
				}
				start := time.Now()
				got, err := newTestClient(t, cfg).send()
				if took := time.Since(start); took > cfg.Timeout+grace {
					t.Errorf("the request took %v", took)
				}
				attack{want: tc.want, certain: true}.expect(t, got, err)
				if tc.want != notAllowed && !strings.Contains(err.Error(), "DNS does not resolve the host name") {
					t.Errorf("the error does not name DNS: %v", err)
				}
			})
		})
	}
	if n := s.connections.Load() - before; n > 0 {
		t.Errorf("the server got %d connections", n)
	}
	t.Logf("%d answers of the name server", len(dnsAnswers))
}

// hosts are hosts of endpoints that stand for this machine or for another address that is not allowed, by the reason
// of the error. Those without a reason are rejected by NewClient.
var hosts = map[string][]string{
	notAllowed: {
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "169.254.169.254", "255.255.255.255", "224.0.0.1",
		"[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]",
		"[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]", "[fe80::1%25lo]", "[::1%25lo]", "[ff02::1]", "[::ffff:169.254.169.254]", "[::ffff:0.0.0.0]",
		"[64:ff9b:1::7f00:1]", "[2001:0:7f00:1::]", "[2001:db8::5efe:7f00:1]", "[fd00:ec2::254]", "168.63.129.16", "100.100.100.200", "192.0.0.192",
		"localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "ip6-localhost", "deepcall", "deepcall.localhost", "deepcall.",
	},
	"ConnectionFailed": {"xn--deepcall-.test"},
	"": {
		"127。0。0。1", "１２７.0.0.1", "①②⑦.⓪.⓪.①", "ⓛocalhost", "%E2%93%9Bocalhost", // which Unicode normalizes to an address or a name
		// Numbers that some programs parse as 127.0.0.1.
		"127.1", "127.0.1", "0177.0.0.1", "2130706433", "017700000001", "127.0.0.1.", "127.000.000.001", "127.0.0.01", "0", "0.0.0.0.",
		"0x7f.0.0.1", "0x7f000001", "0X7F.1", "127.0.0.0x1",
		"127.0.0.1\\@deepcall.test", "deepcall.test@127.0.0.1", "127.0.0.1#.deepcall.test", "127.0.0.1?.deepcall.test", "[::1", "[127.0.0.1]", "127.0.0.1:80",
		"localhost%00.deepcall.test", "localhost%2e", "127.0.0.1%2f", " 127.0.0.1", "127.0.0.1\r\n", "",
	},
}

func TestHosts(t *testing.T) {
	s := &server{tlsConfig: serverConfig()}
	s.start(t)
	defer s.stop()
	_, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	resolve(t, addresses("127.0.0.1", "::1")) // for hosts that are taken for names
	cases := 0
	for want, hosts := range hosts {
		for _, host := range hosts {
			cases++
			t.Run(host, func(t *testing.T) {
				withoutLeaks(t, func() {
					cfg := deepcall.Config{Endpoint: "https://" + host + ":" + port, CABundle: trustedBundle, Timeout: longTimeout}
					var invalid *deepcall.EndpointError
					if _, err := deepcall.NewClient(cfg); (want == "") != errors.As(err, &invalid) {
						t.Fatalf("got %v", err)
					}
					if want != "" {
						got, err := newTestClient(t, cfg).send()
						attack{want: want, certain: true}.expect(t, got, err)
					}
				})
			})
		}
	}
	if n := s.connections.Load(); n > 0 {
		t.Errorf("the server got %d connections", n)
	}
	t.Logf("%d hosts", cases)
}
