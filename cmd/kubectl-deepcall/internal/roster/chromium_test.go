package roster

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// chromium is a browser that shows one page. Its DevTools protocol sends JSON over two pipes.
type chromium struct {
	t       *testing.T
	in      io.Writer
	out     *bufio.Reader
	session string
	sent    int
	loaded  bool // since open began
	// requested are the URLs that the page requested, and problems are its errors, such as violations of the policy.
	requested, problems []string
}

// startTimeout ends a browser that does not answer.
const startTimeout = 5 * time.Minute

// startChromium starts the browser without access to any network. It skips the test without a browser.
func startChromium(t *testing.T) *chromium {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skipf("%v; install it with: apt-get install --no-install-recommends chromium", err)
	}
	profile, err := os.MkdirTemp("", "chromium") // T.TempDir would fail if the browser still writes to it
	if err != nil {
		t.Fatal(err)
	}
	toBrowser, in := pipe(t)
	out, fromBrowser := pipe(t)
	args := []string{
		"--headless", "--remote-debugging-pipe", "--user-data-dir=" + profile, "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND", "about:blank",
	}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // the sandbox needs another user
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	command := exec.CommandContext(ctx, program, args...)
	command.ExtraFiles = []*os.File{toBrowser, fromBrowser} // file descriptors 3 and 4
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	toBrowser.Close()
	fromBrowser.Close()
	t.Cleanup(func() {
		_, _ = io.WriteString(in, `{"id":1000000,"method":"Browser.close"}`+"\x00")
		_ = command.Wait() // ends at the latest with ctx
		cancel()
		_ = os.RemoveAll(profile)
	})
	b := &chromium{t: t, in: in, out: bufio.NewReader(out)}
	b.attach()
	return b
}

func pipe(t *testing.T) (reader, writer *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = reader.Close(), writer.Close() })
	return reader, writer
}

// attach opens a page and enables the events of interest.
func (b *chromium) attach() {
	b.t.Helper()
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.call(domain+".enable", nil, nil)
	}
}

type message struct {
	ID        int                       `json:"id,omitempty"`
	Method    string                    `json:"method,omitempty"`
	Params    json.RawMessage           `json:"params,omitempty"`
	Result    json.RawMessage           `json:"result,omitempty"`
	Error     *struct{ Message string } `json:"error,omitempty"`
	SessionID string                    `json:"sessionId,omitempty"`
}

// call sends a command and waits for its result.
func (b *chromium) call(method string, params, result any) {
	b.t.Helper()
	b.sent++
	command := message{ID: b.sent, Method: method, SessionID: b.session}
	if params != nil {
		command.Params = encode(b.t, params)
	}
	if _, err := b.in.Write(append(encode(b.t, command), 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	for {
		m := b.receive()
		switch {
		case m.ID != b.sent:
		case m.Error != nil:
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		default:
			if result != nil {
				decode(b.t, m.Result, result)
			}
			return
		}
	}
}

// receive returns the next message, and observes it if it is an event.
func (b *chromium) receive() message {
	b.t.Helper()
	text, err := b.out.ReadBytes(0)
	if err != nil {
		b.t.Fatal(err)
	}
	var m message
	decode(b.t, text[:len(text)-1], &m)
	if m.ID == 0 {
		b.observe(m)
	}
	return m
}

// observe records an event.
func (b *chromium) observe(event message) {
	var params struct {
		Request struct{ URL string }
		Entry   struct{ Text string }
	}
	_ = json.Unmarshal(event.Params, &params)
	switch event.Method {
	case "Page.loadEventFired":
		b.loaded = true
	case "Network.requestWillBeSent":
		b.requested = append(b.requested, params.Request.URL)
	case "Log.entryAdded":
		b.problems = append(b.problems, params.Entry.Text)
	case "Runtime.exceptionThrown", "Page.javascriptDialogOpening":
		b.problems = append(b.problems, event.Method)
	}
}

func encode(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func decode(t *testing.T, text []byte, value any) {
	t.Helper()
	if err := json.Unmarshal(text, value); err != nil {
		t.Fatalf("%v in %.200s", err, text)
	}
}

// open shows a page from a file, and returns the file's URL.
func (b *chromium) open(page string) string {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "roster.html")
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.loaded = false
	b.call("Page.navigate", map[string]any{"url": "file://" + path}, nil)
	for !b.loaded {
		b.receive()
	}
	return "file://" + path
}

// eval evaluates an expression in the page and returns its value as text. It waits for a promise.
func (b *chromium) eval(expression string) string {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value any }
		ExceptionDetails *struct{ Text string }
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &answer)
	if answer.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, answer.ExceptionDetails.Text)
	}
	return fmt.Sprint(answer.Result.Value)
}

// expect compares the values of expressions in the page.
func (b *chromium) expect(want map[string]string) {
	b.t.Helper()
	for expression, value := range want {
		if got := b.eval(expression); got != value {
			b.t.Errorf("%s is %s, want %s", expression, got, value)
		}
	}
}

// waitFor waits until an expression in the page is true.
func (b *chromium) waitFor(condition string) {
	b.t.Helper()
	b.eval(`new Promise((resolve) => { const check = () => (` + condition + `) ? resolve() : setTimeout(check, 10); check(); })`)
}

// press presses a key, such as "/" or "Tab".
func (b *chromium) press(key string) {
	b.t.Helper()
	event := map[string]any{"type": "keyDown", "key": key}
	if len(key) == 1 {
		event["text"] = key
	}
	if key == "Tab" {
		event["windowsVirtualKeyCode"] = 9
	}
	b.call("Input.dispatchKeyEvent", event, nil)
	b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key}, nil)
}

// emulate sets the medium and the color scheme.
func (b *chromium) emulate(medium, scheme string) {
	b.t.Helper()
	b.call("Emulation.setEmulatedMedia", map[string]any{
		"media": medium, "features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}},
	}, nil)
}

// roles counts the roles that the page has for a screen reader.
func (b *chromium) roles() map[string]int {
	b.t.Helper()
	var tree struct {
		Nodes []struct {
			Ignored bool
			Role    struct{ Value any }
		}
	}
	b.call("Accessibility.getFullAXTree", nil, &tree)
	roles := map[string]int{}
	for _, node := range tree.Nodes {
		if !node.Ignored {
			roles[strings.ToLower(fmt.Sprint(node.Role.Value))]++
		}
	}
	return roles
}
