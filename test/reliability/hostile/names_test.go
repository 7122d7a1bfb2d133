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

// DNS as it is on the wire, as much of it as is needed here (RFC 1035).
const (
	typeA, typeCNAME, typeAAAA      = 1, 5, 28
	noError, serverFailure, refused = 0, 2, 5
	noSuchName                      = 3
)

// query is a question to the name server.
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
	q.raw = raw[:at+5] // without what follows the question
	return q
}

// reply answers with a code and records.
func (q query) reply(code byte, records ...[]byte) []byte {
	out := append([]byte{}, q.raw...)
	out[2], out[3] = 0x85, 0x80|code // a reply, with authority and recursion
	binary.BigEndian.PutUint16(out[4:], 1)
	binary.BigEndian.PutUint16(out[6:], uint16(len(records)))
	binary.BigEndian.PutUint32(out[8:], 0)
	for _, record := range records {
		out = append(out, record...)
	}
	return out
}

// record is about the name that was asked for.
func record(kind uint16, data []byte) []byte {
	out := []byte{0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 0}
	return append(binary.BigEndian.AppendUint16(out, uint16(len(data))), data...)
}

// addresses answers with those of the kind that was asked for.
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

// alias answers with a name, and the address of that.
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

// resolve has this answer all questions for addresses, in this process, until the test ends. Nil is silence.
// Go waits for it for five seconds, though nobody waits for Go any more: hangUp ends that.
func resolve(t *testing.T, answer func(query) []byte) (hangUp func()) {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
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
	var lines lines
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return lines.dial(ctx, server.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		_ = server.Close()
		<-over
	})
	return lines.hangUp
}

// lines are the connections to the name server.
type lines struct {
	mu   sync.Mutex
	open []net.Conn
	dead bool
}

func (l *lines) dial(ctx context.Context, address string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return nil, errors.New("hung up")
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp", address)
	if err == nil {
		l.open = append(l.open, conn)
	}
	return conn, err
}

func (l *lines) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
	for _, conn := range l.open {
		_ = conn.Close()
	}
}
