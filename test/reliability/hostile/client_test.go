package hostile

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// The credentials are canaries, which are found in any spelling and also in part. They hold a space, since
// net/http splits a status line at spaces and quotes a part of it.
var (
	token  = testenv.Canary("T0kenForHostileServersAlone")
	userID = testenv.Canary("Us3rOfHostileServersAlone")
)

const (
	longTimeout  = 30 * time.Second       // does not expire in a test
	shortTimeout = 100 * time.Millisecond // expires in a test
	grace        = 10 * time.Second       // how late a request can end on a busy machine
	// attackTime is how long a slow attack lasts before the client's deadline.
	attackTime = 20 * time.Millisecond

	maxBody = 64 << 10 // of an answer
	// maxWire bounds the data read from a connection: header, body, chunk sizes and interim answers.
	maxWire = 4*maxBody + 4<<10
)

// testClient is the client of a case.
type testClient struct {
	*deepcall.Client
	cred deepcall.Credentials
	req  deepcall.Request
	meter
}

func newTestClient(t *testing.T, cfg deepcall.Config) *testClient {
	t.Helper()
	cred, err := deepcall.ParseCredentials(map[string][]byte{"userId": []byte(userID), "token": []byte(token)})
	if err != nil {
		t.Fatal(err)
	}
	c := &testClient{cred: cred, req: deepcall.Request{AgentID: "7", Groups: map[string]bool{"90": true, "91": false}}}
	cfg.WrapTransport = c.wrap
	if c.Client, err = deepcall.NewClient(cfg); err != nil {
		t.Fatal(err)
	}
	return c
}

// enlarge makes the request larger than any the operator sends.
func (c *testClient) enlarge() {
	c.req.Groups = map[string]bool{}
	for i := range 1000 {
		c.req.Groups[fmt.Sprintf("%064d", i)] = true
	}
}

func (c *testClient) send() (deepcall.Answer, error) { return c.sendContext(context.Background()) }

func (c *testClient) sendContext(ctx context.Context) (deepcall.Answer, error) {
	return c.UpdateAgentGroupMapping(ctx, c.cred, c.req)
}

// manualDeadline is a context whose deadline is set by the test, independent of the machine's speed.
type manualDeadline struct {
	context.Context
	expired chan struct{}
	at      time.Time // set before expired is closed
}

func newManualDeadline() *manualDeadline {
	return &manualDeadline{Context: context.Background(), expired: make(chan struct{})}
}

func (d *manualDeadline) expire() { d.at = time.Now(); close(d.expired) }

func (d *manualDeadline) Done() <-chan struct{} { return d.expired }

func (d *manualDeadline) Err() error {
	select {
	case <-d.expired:
		return context.DeadlineExceeded
	default:
		return nil
	}
}
