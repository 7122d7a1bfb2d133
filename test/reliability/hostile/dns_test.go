package hostile

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// The types and codes of DNS that are needed here (RFC 1035).
const (
	typeA, typeCNAME, typeAAAA      = 1, 5, 28
	noError, serverFailure, refused = 0, 2, 5
	noSuchName                      = 3
)

// query is a query to the name server.
type query struct {
	raw  []byte // the whole message
	name string
	kind uint16
}

func parseQuery(raw []byte) query {
	q := query{raw: raw}
	at := 12
	for at < len(raw) && raw[at] != 0 {
		q.name += strings.ToLower(string(raw[at+1:at+1+int(raw[at])])) + "."
		at += 1 + int(raw[at])
	}
	q.kind = binary.BigEndian.Uint16(raw[at+1:])
	q.raw = raw[:at+5] // without additional records
	return q
}

// reply returns an answer with a code and records.
func (q query) reply(code byte, records ...[]byte) []byte {
	out := append([]byte{}, q.raw...)
	out[2], out[3] = 0x85, 0x80|code // an authoritative answer, with recursion
	binary.BigEndian.PutUint16(out[4:], 1)
	binary.BigEndian.PutUint16(out[6:], uint16(len(records)))
	binary.BigEndian.PutUint32(out[8:], 0)
	for _, record := range records {
		out = append(out, record...)
	}
	return out
}

// record returns a record of the queried name.
func record(kind uint16, data []byte) []byte {
	out := []byte{0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 0}
	return append(binary.BigEndian.AppendUint16(out, uint16(len(data))), data...)
}

// addresses answers with the addresses of the queried kind.
func addresses(all ...string) func(query) []byte {
	return func(q query) []byte {
		var records [][]byte
		for _, text := range all {
			address := netip.MustParseAddr(text)
			if address.Is4() && q.kind == typeA || address.Is6() && q.kind == typeAAAA {
				records = append(records, record(q.kind, address.AsSlice()))
			}
		}
		return q.reply(noError, records...)
	}
}

// alias answers with an alias and its address.
func alias(name, address string) func(query) []byte {
	return func(q query) []byte {
		if q.kind != typeA {
			return q.reply(noError)
		}
		var labels []byte
		for _, label := range strings.Split(name, ".") {
			labels = append(append(labels, byte(len(label))), label...)
		}
		labels = append(labels, 0)
		other := append([]byte{}, labels...)
		other = append(other, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4)
		return q.reply(noError, record(typeCNAME, labels), append(other, netip.MustParseAddr(address).AsSlice()...))
	}
}

// resolve replaces the name server of the process until the test ends. It does not answer if the answer is nil. Go's
// resolver then waits for five seconds even after the request has ended; closeConns ends that.
func resolve(t *testing.T, answer func(query) []byte) (closeConns func()) {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		buffer := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			if reply := answer(parseQuery(append([]byte{}, buffer[:n]...))); reply != nil {
				_, _ = server.WriteTo(reply, from)
			}
		}
	}()
	before := net.DefaultResolver
	var conns dnsConns
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return conns.dial(ctx, server.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		_ = server.Close()
		<-stopped
	})
	return conns.close
}

// dnsConns are the connections to the name server.
type dnsConns struct {
	mu     sync.Mutex
	open   []net.Conn
	closed bool
}

func (c *dnsConns) dial(ctx context.Context, address string) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errors.New("closed")
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp", address)
	if err == nil {
		c.open = append(c.open, conn)
	}
	return conn, err
}

func (c *dnsConns) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, conn := range c.open {
		_ = conn.Close()
	}
}
