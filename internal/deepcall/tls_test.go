package deepcall

import (
	"context"
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

func tlsServer(t *testing.T, config *tls.Config) (srv *httptest.Server, requests *atomic.Int32) {
	requests = &atomic.Int32{}
	srv = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
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
			_, e := send(t, client(t, url, func(cfg *Config) { cfg.CABundle = tc.bundle }), context.Background())
			if tc.reason == "" {
				if e != nil {
					t.Fatal(e)
				}
				return
			}
			if e == nil || e.Reason != tc.reason || requests.Load() != before {
				t.Errorf("got %+v after %d requests", e, requests.Load()-before)
			}
		})
	}
}

func TestHTTP2IsNotUsed(t *testing.T) {
	var proto string
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto = r.Proto
		_, _ = io.WriteString(w, success)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	if _, e := send(t, client(t, srv.URL, func(cfg *Config) { cfg.CABundle = bundle(srv) }), context.Background()); e != nil || proto != "HTTP/1.1" {
		t.Errorf("got %q, %v", proto, e)
	}
}

func TestTLSSessionsAreResumed(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			var resumed []bool
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				resumed = append(resumed, r.TLS.DidResume)
				_, _ = io.WriteString(w, success)
			}))
			srv.TLS = &tls.Config{MaxVersion: version}
			srv.StartTLS()
			t.Cleanup(srv.Close)
			c := client(t, srv.URL, func(cfg *Config) { cfg.CABundle = bundle(srv) })
			for range 3 {
				if _, e := send(t, c, context.Background()); e != nil {
					t.Error(e)
				}
			}
			if !slices.Equal(resumed, []bool{false, true, true}) {
				t.Errorf("resumed: %v", resumed)
			}
		})
	}
}
