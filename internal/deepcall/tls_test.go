package deepcall

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// tlsServer answers with a success. It counts the requests and passes them to observe.
func tlsServer(t *testing.T, config *tls.Config, observe ...func(*http.Request)) (srv *httptest.Server, requests *atomic.Int32) {
	t.Helper()
	requests = &atomic.Int32{}
	srv = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		for _, f := range observe {
			f(r)
		}
		_, _ = io.WriteString(w, success)
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.EnableHTTP2 = true // offered, to check that it is not used
	srv.TLS = config
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv, requests
}

func bundle(srv *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
}

// trusting sets the CA bundle to the certificate of a server.
func trusting(srv *httptest.Server) func(*Config) {
	return func(cfg *Config) { cfg.CABundle = bundle(srv) }
}

func TestTLS(t *testing.T) {
	srv, requests := tlsServer(t, nil)
	other := []byte(otherCA)
	trusted := bundle(srv)

	for name, tc := range map[string]struct {
		config *tls.Config
		bundle []byte
		host   string
		reason string
	}{
		"trusts the CA bundle's roots":                 {bundle: trusted},
		"trusts any of the CA bundle's roots":          {bundle: append(append([]byte("# comment\n"), other...), trusted...)},
		"does not trust an unknown CA":                 {reason: "TLSFailed"},
		"trusts the CA bundle's roots only":            {bundle: other, reason: "TLSFailed"},
		"does not trust another name's certificate":    {bundle: trusted, host: "localhost", reason: "TLSFailed"},
		"accepts TLS 1.2":                              {bundle: trusted, config: &tls.Config{MaxVersion: tls.VersionTLS12}},
		"rejects older versions":                       {bundle: trusted, config: &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, reason: "TLSFailed"},
		"fails where a client certificate is required": {bundle: trusted, config: &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}, reason: "TLSFailed"},
	} {
		t.Run(name, func(t *testing.T) {
			srv, requests := srv, requests
			if tc.config != nil {
				srv, requests = tlsServer(t, tc.config)
			}
			url := srv.URL
			if tc.host != "" {
				url = strings.Replace(url, "127.0.0.1", tc.host, 1)
			}
			before := requests.Load()
			_, e := send(t, client(t, url, func(cfg *Config) { cfg.CABundle = tc.bundle }))
			if reasonOf(e) != tc.reason || e != nil && requests.Load() != before {
				t.Errorf("got %+v after %d requests", e, requests.Load()-before)
			}
		})
	}
}

func TestHTTP2IsNotUsed(t *testing.T) {
	var proto string
	srv, _ := tlsServer(t, nil, func(r *http.Request) { proto = r.Proto })
	if _, e := send(t, client(t, srv.URL, trusting(srv))); e != nil || proto != "HTTP/1.1" {
		t.Errorf("got %q, %v", proto, e)
	}
}

func TestTLSSessionsAreResumed(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			var resumed []bool
			srv, _ := tlsServer(t, &tls.Config{MaxVersion: version}, func(r *http.Request) { resumed = append(resumed, r.TLS.DidResume) })
			c := client(t, srv.URL, trusting(srv))
			for range 3 {
				if _, e := send(t, c); e != nil {
					t.Error(e)
				}
			}
			if !slices.Equal(resumed, []bool{false, true, true}) {
				t.Errorf("resumed: %v", resumed)
			}
		})
	}
}
