package hostile

import (
	"sync"
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// families are the attacks on a client that has a connection.
var families = map[string][]attack{
	"a body that is": bodies,
	"a length:":      lengths,
	"in chunks:":     chunks,
	"an encoding:":   encodings,
	"a status:":      statuses,
	"a wait:":        retries,
	"a redirect:":    redirects,
	"a header:":      headers,
	"a protocol:":    protocols,
	"a connection:":  connections,
	"a handshake:":   handshakes,
	"under TLS:":     records,
}

// farthest is the most that any call read. The cases run one after the other.
var farthest int64

func noteReading(n int64) { farthest = max(farthest, n) }

func TestNoServerGetsTheClientToSayWhatIsNotSo(t *testing.T) {
	cases, names := 0, map[string]bool{}
	for family, attacks := range families {
		for _, a := range attacks {
			if names[family+a.name] {
				t.Errorf("%s %s comes twice", family, a.name)
			}
			names[family+a.name] = true
			cases++
			for _, w := range waysOf(a) {
				t.Run(family+" "+a.name+", "+w.name, func(t *testing.T) {
					withoutLeaks(t, func() { a.meet(t, w) })
				})
			}
		}
	}
	if cases < 60 {
		t.Errorf("only %d cases", cases)
	}
	t.Logf("%d cases; the most that a call read is %d bytes", cases, farthest)
}

// The cases above end when the test says that the time is up. Here the client's own time-out says so.
func TestTheClientsOwnTimeOutEndsACall(t *testing.T) {
	for _, a := range connections {
		if !a.slow {
			continue
		}
		t.Run("a connection: "+a.name, func(t *testing.T) {
			withoutLeaks(t, func() {
				s := &server{attack: a}
				s.start(t)
				stop := sync.OnceFunc(s.stop)
				defer stop()
				defer time.AfterFunc(short+2*grace, stop).Stop() // so that a call without end fails
				c := newCaller(t, deepcall.Config{Endpoint: s.url(), AllowInsecure: true, Timeout: short})
				s.armed.Store(true)
				start := time.Now()
				got, err := c.call()
				if took := time.Since(start); took < short || took > short+grace {
					t.Errorf("the call took %v", took)
				}
				a.either = true // how far it comes meanwhile is up to the machine
				a.expect(t, got, err)
			})
		})
	}
}
