package hostile

import (
	"sync"
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// families are the attacks by what they are about.
var families = map[string][]attack{
	"body":        bodies,
	"length":      lengths,
	"chunks":      chunks,
	"encoding":    encodings,
	"status":      statuses,
	"retry-after": retries,
	"redirect":    redirects,
	"header":      headers,
	"protocol":    protocols,
	"connection":  connections,
	"handshake":   handshakes,
	"TLS record":  records,
}

// maxRead is the most data that was read from a connection. The cases run one after the other.
var maxRead int64

func recordRead(n int64) { maxRead = max(maxRead, n) }

func TestAttacks(t *testing.T) {
	cases, names := 0, map[string]bool{}
	for family, attacks := range families {
		for _, a := range attacks {
			if names[family+a.name] {
				t.Errorf("%s: %s is not unique", family, a.name)
			}
			names[family+a.name] = true
			cases++
			for _, m := range modesOf(a) {
				t.Run(family+": "+a.name+", "+m.name, func(t *testing.T) {
					withoutLeaks(t, func() { a.run(t, m) })
				})
			}
		}
	}
	if cases < 60 {
		t.Errorf("only %d cases", cases)
	}
	t.Logf("%d cases; at most %d bytes were read from a connection", cases, maxRead)
}

// TestClientTimeout runs slow attacks until the client's own time-out. In TestAttacks the test sets the deadline.
func TestClientTimeout(t *testing.T) {
	for _, a := range connections {
		if !a.slow {
			continue
		}
		t.Run(a.name, func(t *testing.T) {
			withoutLeaks(t, func() {
				s := &server{attack: a}
				s.start(t)
				stop := sync.OnceFunc(s.stop)
				defer stop()
				defer time.AfterFunc(shortTimeout+2*grace, stop).Stop() // so that a request without end fails
				c := newTestClient(t, deepcall.Config{Endpoint: s.url(), AllowInsecure: true, Timeout: shortTimeout})
				s.armed.Store(true)
				start := time.Now()
				got, err := c.send()
				if took := time.Since(start); took < shortTimeout || took > shortTimeout+grace {
					t.Errorf("the request took %v", took)
				}
				a.eitherCertainty = true // the machine's speed decides how much is sent
				a.expect(t, got, err)
			})
		})
	}
}
