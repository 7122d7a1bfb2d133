package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

const good = `{"userId":"1001","token":"s3cr3t","agentId":"7","group":{"90":{"receive_call":"Y"}}}`

// program is a running simulator.
type program struct {
	url   string
	out   *bufio.Scanner
	stop  func()
	ended chan error
}

func start(t *testing.T, args ...string) program {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	p := program{out: bufio.NewScanner(read), stop: cancel, ended: make(chan error, 1)}
	go func() {
		err := run(ctx, append([]string{"--listen=127.0.0.1:0"}, args...), write, io.Discard)
		_ = write.CloseWithError(err)
		p.ended <- err
	}()
	t.Cleanup(cancel)
	if !p.out.Scan() {
		t.Fatalf("nothing was printed: %v", p.out.Err())
	}
	url, ok := strings.CutPrefix(p.out.Text(), "listening on ")
	if !ok {
		t.Fatalf("the first line is %q", p.out.Text())
	}
	p.url = url
	return p
}

func (p program) post(t *testing.T, client *http.Client, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+deepcalltest.Path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

func TestServesUntilItIsStopped(t *testing.T) {
	p := start(t, "--user=1001:s3cr3t", "--session=abc", "--agents=1,7", "--groups=90, 91",
		"--fault=status=503,retry-after=2", "--semantics=replace", "--latency=1ns")
	for _, want := range []struct {
		body         string
		status       int
		answer, line string
	}{
		{good, 503, "Service Unavailable", "-> HTTP 503"},
		{good, 200, `"code":200`, "#2 agent 7  90=Y  -> 200 success"},
		{strings.ReplaceAll(good, "s3cr3t", "wrong"), 200, `"code":1014`, "-> 1014"},
		{strings.ReplaceAll(good, `"7"`, `"8"`), 200, `"code":1509`, "-> 1509"},
		{strings.ReplaceAll(good, `"90"`, `"92"`), 200, `"code":1505`, "-> 1505 Invalid group data"},
		{`{"ssid":"abc","agentId":"7","group":{"91":{"receive_call":"Y"}}}`, 200, `"code":200`, "91=Y"},
	} {
		line := make(chan string)
		go func() { p.out.Scan(); line <- p.out.Text() }()
		status, answer := p.post(t, http.DefaultClient, want.body)
		if status != want.status || !strings.Contains(answer, want.answer) {
			t.Fatalf("got HTTP %d %s, want %+v", status, answer, want)
		}
		if got := <-line; !strings.Contains(got, want.line) {
			t.Fatalf("printed %q, want %q", got, want.line)
		}
	}
	p.stop()
	if err := <-p.ended; err != nil {
		t.Fatal(err)
	}
}

func TestStopsDespiteAHangingRequest(t *testing.T) {
	p := start(t, "--quiet", "--fault=hang,applied")
	failed, sent := make(chan error), make(chan struct{})
	trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(sent) }}
	go func() {
		ctx := httptrace.WithClientTrace(t.Context(), trace)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+deepcalltest.Path, strings.NewReader(good))
		if err == nil {
			var resp *http.Response
			if resp, err = http.DefaultClient.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		}
		failed <- err
	}()
	<-sent
	p.stop()
	if err := <-p.ended; err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Fatal("the request was answered")
	}
}

func TestServesTLS(t *testing.T) {
	cert, key, roots := certificate(t)
	p := start(t, "--quiet", "--tls-cert="+cert, "--tls-key="+key)
	if !strings.HasPrefix(p.url, "https://") {
		t.Fatalf("the URL is %s", p.url)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	if status, answer := p.post(t, &http.Client{Transport: transport}, good); status != 200 || !strings.Contains(answer, "success") {
		t.Fatalf("got HTTP %d %s", status, answer)
	}
}

func TestRejectsInvalidFlags(t *testing.T) {
	for name, args := range map[string][]string{
		"an argument":               {"serve"},
		"an unknown flag":           {"--explode"},
		"unknown semantics":         {"--semantics=both"},
		"a user without a token":    {"--user=1001"},
		"an empty session":          {"--session="},
		"an unknown fault":          {"--fault=explode"},
		"an invalid latency":        {"--latency=slow"},
		"a certificate without key": {"--tls-cert=a.pem"},
		"an invalid address":        {"--listen=nowhere"},
		"a missing certificate":     {"--listen=127.0.0.1:0", "--tls-cert=none.pem", "--tls-key=none.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
				t.Fatal("they were accepted")
			}
		})
	}
}

func TestHelpListsEveryFlag(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, &out, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Fatal(err)
	}
	var c config
	c.flags().VisitAll(func(f *flag.Flag) {
		if !strings.Contains(out.String(), "--"+f.Name+" ") {
			t.Errorf("--%s is missing", f.Name)
		}
	})
}

// certificate creates a certificate for 127.0.0.1. It returns its files and the roots
// that trust it.
func certificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	ca := testenv.NewCA("Test CA")
	cert, key := testenv.EncodePEM(ca.Issue())
	certFile, keyFile = filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	if err := errors.Join(os.WriteFile(certFile, cert, 0o600), os.WriteFile(keyFile, key, 0o600)); err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(ca.Certificate.Leaf)
	return certFile, keyFile, roots
}
