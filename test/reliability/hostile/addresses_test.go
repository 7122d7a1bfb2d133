package hostile

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

const guarded = "EndpointNotAllowed"

// names are what a name server may say of the endpoint's name. With the guard on, none of it leads to this machine.
var names = map[string]struct {
	answer func(query) []byte
	want   string
	slow   bool
}{
	"loopback":                       {answer: addresses("127.0.0.1"), want: guarded},
	"another loopback address":       {answer: addresses("127.8.9.10"), want: guarded},
	"loopback of IPv6":               {answer: addresses("::1"), want: guarded},
	"loopback of both":               {answer: addresses("127.0.0.1", "::1"), want: guarded},
	"the unspecified address":        {answer: addresses("0.0.0.0"), want: guarded},
	"the unspecified one of IPv6":    {answer: addresses("::"), want: guarded},
	"this network":                   {answer: addresses("0.1.2.3"), want: guarded},
	"the metadata of a cloud":        {answer: addresses("169.254.169.254"), want: guarded},
	"link-local of IPv6":             {answer: addresses("fe80::1"), want: guarded},
	"multicast":                      {answer: addresses("224.0.0.1"), want: guarded},
	"broadcast":                      {answer: addresses("255.255.255.255"), want: guarded},
	"loopback, mapped":               {answer: addresses("::ffff:127.0.0.1"), want: guarded},
	"metadata, mapped":               {answer: addresses("::ffff:169.254.169.254"), want: guarded},
	"loopback, compatible":           {answer: addresses("::127.0.0.1"), want: guarded},
	"loopback, translated":           {answer: addresses("::ffff:0:127.0.0.1"), want: guarded},
	"loopback behind NAT64":          {answer: addresses("64:ff9b::127.0.0.1"), want: guarded},
	"loopback behind 6to4":           {answer: addresses("2002:7f00:1::"), want: guarded},
	"an alias of localhost":          {answer: alias("localhost", "127.0.0.1"), want: guarded},
	"an alias of an address":         {answer: alias("127.0.0.1", "127.0.0.1"), want: guarded},
	"thirty loopback addresses":      {answer: addresses(thirty()...), want: guarded},
	"all that is refused, in a row":  {answer: addresses("127.0.0.1", "0.0.0.0", "169.254.1.1", "::1", "fe80::1", "::ffff:127.0.0.1"), want: guarded},
	"that there is no such name":     {answer: fails(noSuchName), want: "ConnectionFailed"},
	"that there is no address":       {answer: addresses(), want: "ConnectionFailed"},
	"that it failed":                 {answer: fails(serverFailure), want: "ConnectionFailed"},
	"that it refuses":                {answer: fails(refused), want: "ConnectionFailed"},
	"nothing":                        {answer: func(query) []byte { return nil }, want: "Timeout", slow: true},
	"noise":                          {answer: func(query) []byte { return []byte("noise") }, want: "Timeout", slow: true},
	"an answer to another question":  {answer: astray, want: "Timeout", slow: true},
	"addresses of the wrong length":  {answer: func(q query) []byte { return q.reply(noError, record(q.kind, []byte{127, 0, 0})) }, want: "ConnectionFailed"},
	"an alias that leads in circles": {answer: func(q query) []byte { return q.reply(noError, record(typeCNAME, []byte{0xc0, 12})) }, want: "ConnectionFailed"},
	"a question for an answer":       {answer: func(q query) []byte { return q.raw }, want: "Timeout", slow: true},
}

func fails(code byte) func(query) []byte {
	return func(q query) []byte { return q.reply(code) }
}

func astray(q query) []byte {
	reply := addresses("127.0.0.1")(q)
	reply[0] ^= 0xff // another question's number
	return reply
}

func thirty() []string {
	var all []string
	for i := range 30 {
		all = append(all, fmt.Sprintf("127.0.0.%d", i+1))
	}
	return all
}

func TestNoNameLeadsToThisMachine(t *testing.T) {
	s := &server{good: ours.server(func(c *x509.Certificate) { c.DNSNames = []string{"v4-api.deepcall.test"} })}
	s.start(t)
	defer s.stop()
	port := netip.MustParseAddrPort(s.listener.Addr().String()).Port()
	endpoint := fmt.Sprintf("https://v4-api.deepcall.test:%d", port)

	t.Run("unless the guard is off", func(t *testing.T) {
		resolve(t, addresses("127.0.0.1"))
		c := newCaller(t, deepcall.Config{Endpoint: endpoint, AllowInsecure: true, CABundle: ours.bundle, Timeout: patience})
		defer c.CloseIdleConnections()
		expectHonest(t, c, "the call")
	})
	before := s.connections.Load()
	for name, tc := range names {
		t.Run("the name server says "+name, func(t *testing.T) {
			hangUp := resolve(t, tc.answer)
			withoutLeaks(t, func() {
				defer hangUp()
				cfg := deepcall.Config{Endpoint: endpoint, CABundle: ours.bundle, Timeout: patience}
				if tc.slow {
					cfg.Timeout = short
				}
				start := time.Now()
				got, err := newCaller(t, cfg).call()
				if took := time.Since(start); took > cfg.Timeout+grace {
					t.Errorf("the call took %v", took)
				}
				attack{want: tc.want, certain: true}.expect(t, got, err)
			})
		})
	}
	if n := s.connections.Load() - before; n > 0 {
		t.Errorf("the server got %d connections", n)
	}
	t.Logf("%d answers of a name server", len(names))
}

// hosts are ways to write an address of this machine, or another that is not to be called, into the endpoint.
var hosts = map[string][]string{
	guarded: {
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "169.254.169.254", "255.255.255.255", "224.0.0.1",
		"[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]",
		"[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]", "[fe80::1%25lo]", "[::1%25lo]", "[ff02::1]", "[::ffff:169.254.169.254]", "[::ffff:0.0.0.0]",
		"localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "ip6-localhost", "deepcall",
		"127。0。0。1", "１２７.0.0.1", "①②⑦.⓪.⓪.①", "ⓛocalhost", // which Unicode folds into the above
		"0x7f.0.0.1", "0x7f000001", // names to the resolver
	},
	// Numbers that some programs read as 127.0.0.1, and that are no names either.
	"ConnectionFailed": {
		"127.1", "127.0.1", "0177.0.0.1", "2130706433", "017700000001", "127.0.0.1.", "127.000.000.001", "127.0.0.01", "0", "0.0.0.0.", "xn--deepcall-.test",
	},
	"": {
		"127.0.0.1\\@deepcall.test", "deepcall.test@127.0.0.1", "127.0.0.1#.deepcall.test", "127.0.0.1?.deepcall.test", "[::1", "[127.0.0.1]", "127.0.0.1:80",
		"localhost%00.deepcall.test", "localhost%2e", "127.0.0.1%2f", " 127.0.0.1", "127.0.0.1\r\n", "",
	},
}

func TestNoHostLeadsToThisMachine(t *testing.T) {
	s := &server{good: ours.server()}
	s.start(t)
	defer s.stop()
	_, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	resolve(t, addresses("127.0.0.1", "::1")) // whatever is taken for a name
	cases := 0
	for want, hosts := range hosts {
		for _, host := range hosts {
			cases++
			t.Run(host, func(t *testing.T) {
				withoutLeaks(t, func() {
					cfg := deepcall.Config{Endpoint: "https://" + host + ":" + port, CABundle: ours.bundle, Timeout: patience}
					var refused *deepcall.EndpointError
					if _, err := deepcall.NewClient(cfg); (want == "") != errors.As(err, &refused) {
						t.Fatalf("got %v", err)
					}
					if want != "" {
						got, err := newCaller(t, cfg).call()
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
