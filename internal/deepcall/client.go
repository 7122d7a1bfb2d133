// Package deepcall is a client of DeepCall's API: one request, one HTTP path, and typed errors from one catalogue. It
// imports no other package of the operator.
package deepcall

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// defaultTimeout is an account's default.
const defaultTimeout = 8 * time.Second

// Config configures a Client.
type Config struct {
	// Endpoint is the base URL, https only unless AllowInsecure is set.
	Endpoint string
	// Timeout bounds a request from the resolution of the name to the end of the answer; 8 s if not positive.
	Timeout time.Duration
	// CABundle holds the PEM certificates to trust instead of the system's roots.
	CABundle []byte
	// AllowInsecure permits http and all addresses, for development.
	AllowInsecure bool
	// Proxy returns the proxy for an https endpoint, nil for none, as http.ProxyFromEnvironment does. The function is nil
	// if there is no proxy. The addresses of names are not checked then, since the proxy resolves them.
	Proxy func(*http.Request) (*url.URL, error)
	// ProxyRoots are trusted for a proxy that is reached over TLS; nil for the system's.
	ProxyRoots *x509.CertPool
	// WrapTransport decorates the transport. It has access to the credentials in the request's body.
	WrapTransport func(http.RoundTripper) http.RoundTripper
	// Now is the clock for the dates in Retry-After; time.Now if nil.
	Now func() time.Time
	// MaySend returns an error if no request may be sent now; nil if requests can
	// always be sent. A request that it stops counts as canceled. It is called last when
	// the body is sent, since much time can pass in between if the process is stopped.
	MaySend func() error
}

// Client sends requests to one endpoint. It holds no credentials and is safe for concurrent use.
type Client struct {
	url  *url.URL
	host string // the header Host
	// notAllowed is set if the endpoint's address is known not to be allowed. Those of
	// names are checked when they are dialed.
	notAllowed bool

	timeout   time.Duration
	transport http.RoundTripper
	now       func() time.Time
	maySend   func() error
}

// NewClient returns a client and opens no connection. Its error is an *EndpointError or a *CABundleError, which the
// account's owner corrects.
func NewClient(cfg Config) (*Client, error) {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Now == nil {
		cfg.Now = time.Now //nolint:forbidigo // the default, where no clock is injected
	}
	if cfg.MaySend == nil {
		cfg.MaySend = func() error { return nil }
	}
	target, err := parseEndpoint(cfg.Endpoint, cfg.AllowInsecure)
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(cfg)
	if err != nil {
		return nil, err
	}
	c := &Client{
		url: target, host: hostHeader(target), notAllowed: !cfg.AllowInsecure && !allowedHost(target.Hostname()),
		timeout: cfg.Timeout, transport: transport, now: cfg.Now, maySend: cfg.MaySend,
	}
	if cfg.WrapTransport != nil {
		c.transport = cfg.WrapTransport(transport)
	}
	return c, nil
}

// UpdateAgentGroupMapping sends the request once and returns the answer to a success. Its error is always an *Error.
func (c *Client) UpdateAgentGroupMapping(ctx context.Context, cred Credentials, req Request) (answer Answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			// The value can quote the request, so only its type is kept.
			answer, err = Answer{}, &Error{Entry: entryUnreadableAnswer, Uncertain: true, cause: fmt.Errorf("panic with a %T", p)}
		}
	}()
	if c.notAllowed {
		return Answer{}, &Error{Entry: entryEndpointNotAllowed}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	requestCtx, cancelTimeout := context.WithTimeout(ctx, c.timeout)
	defer cancelTimeout()
	requestCtx, lookup := withLookup(requestCtx)

	raw := encode(cred, req)
	body := &onceBody{Reader: bytes.NewReader(raw), maySend: func() error {
		err := c.checkSend(requestCtx)
		if err != nil {
			cancel()
		}
		return err
	}}
	resp, err := c.roundTrip(requestCtx, body, len(raw))
	if err != nil {
		entry, cause := classifyFailure(ctx, requestCtx, err)
		if lookup.explains(entry, err) {
			entry = withoutAddress(entry)
		}
		return Answer{}, &Error{Entry: entry, Uncertain: !body.closeUnread(), cause: cause}
	}
	defer func() { _ = resp.Body.Close() }()
	return c.classify(ctx, requestCtx, cred, resp)
}

// checkSend returns an error if a request may not be sent, or not any more. It
// compares the deadline with the clock, since the timer of the context fires late
// in a process that was stopped.
func (c *Client) checkSend(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && time.Now().After(deadline) { //nolint:forbidigo // the clock of the context
		return context.DeadlineExceeded
	}
	return c.maySend()
}

// roundTrip uses the transport directly, since an http.Client follows redirects.
func (c *Client) roundTrip(ctx context.Context, body *onceBody, length int) (*http.Response, error) {
	if err := body.maySend(); err != nil {
		return nil, err
	}
	return c.transport.RoundTrip(c.newRequest(ctx, body, length))
}

// newRequest returns the HTTP request. It has no GetBody, without which net/http can't send a request again.
func (c *Client) newRequest(ctx context.Context, body *onceBody, length int) *http.Request {
	req := &http.Request{
		Method:        http.MethodPost,
		URL:           c.url,
		Host:          c.host,
		Body:          body,
		ContentLength: int64(length),
		Header: http.Header{
			"Accept":          {"application/json"},
			"Accept-Encoding": {"identity"},
			"Content-Type":    {"application/json"},
			"User-Agent":      {"deepcall-operator"},
		},
	}
	return req.WithContext(ctx)
}

// classify reads the answer and returns it if it is a success, or else its error. The status takes precedence over the
// body, except that an error of DeepCall can come with any 2xx or 4xx.
//
//	HTTP status  body                   catalogue entry
//	401 403 429  any                    Unauthorized, Forbidden, TooManyRequests
//	3xx 5xx      any                    Redirected, ServerError
//	2xx          success, 200           (success)
//	             error, known code      the code's
//	             error, unknown code    UnknownCode
//	             any other              UnreadableAnswer
//	any other    error, known code      the code's
//	413          any other              RequestTooLarge
//	any other    any other              UnexpectedStatus
//
// WithAcceptedCredentials reclassifies HTTP 403.
//
// An incomplete body is classified as Timeout or Canceled if the context ended and the status does not take precedence.
func (c *Client) classify(ctx, requestCtx context.Context, cred Credentials, resp *http.Response) (Answer, error) {
	e := &Error{HTTPStatus: resp.StatusCode}
	ok := resp.StatusCode >= 200 && resp.StatusCode <= 299
	statusEntry, decisive := LookupStatus(resp.StatusCode)
	reply, err := readReply(resp)
	codeEntry, known := Lookup(reply.code)
	ctxEntry, ctxErr := classifyContext(ctx, requestCtx)

	if err == nil {
		e.Answer = &Answer{Code: reply.code, Message: codeEntry.Description}
		if !known {
			e.Answer.Message = cred.redact(reply.message)
		}
	}
	switch {
	case decisive:
		e.Entry = statusEntry
	case err == nil && ok && reply.success:
		return *e.Answer, nil
	case err == nil && !reply.success && known:
		e.Entry = codeEntry
	case err == nil && ok:
		e.Entry = unknownCode(reply.code)
	case errors.Is(err, errTruncated) && ctxErr != nil:
		e.Entry, e.cause = ctxEntry, ctxErr
	case ok:
		e.Entry, e.cause = entryUnreadableAnswer, err
	default:
		e.Entry = statusEntry
	}
	if e.Reason == entryTooManyRequests.Reason || e.Reason == entryServerError.Reason {
		e.RetryAfter = retryAfter(resp.Header, c.now())
	}
	e.Uncertain = e.Class == Transient && e.HTTPStatus != http.StatusTooManyRequests
	return Answer{}, e
}

// LookupStatus returns the entry of an HTTP status, and whether it takes precedence over the body of the answer.
func LookupStatus(status int) (entry Entry, decisive bool) {
	switch {
	case status == http.StatusUnauthorized:
		return entryUnauthorized, true
	case status == http.StatusForbidden:
		return entryForbidden, true
	case status == http.StatusTooManyRequests:
		return entryTooManyRequests, true
	case status == http.StatusRequestEntityTooLarge:
		return entryRequestTooLarge, false
	case status >= 300 && status <= 399:
		return withStatus(entryRedirected, status), true
	case status >= 500 && status <= 599:
		return withStatus(entryServerError, status), true
	}
	return withStatus(entryUnexpectedStatus, status), false
}
