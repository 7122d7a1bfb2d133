// Package deepcall calls DeepCall's API: one call, one HTTP path, typed errors
// from one catalogue. It imports nothing of the operator.
package deepcall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"
)

// The defaults are those of an account.
const (
	defaultTimeout  = 8 * time.Second
	defaultMaxConns = 4
)

// Config says where and how to call.
type Config struct {
	// Endpoint is the brand's base URL, https only unless AllowInsecure.
	Endpoint string
	// Timeout bounds a call as a whole, from the name's resolution to the end of
	// the answer; 8 s if not positive.
	Timeout time.Duration
	// CABundle holds PEM certificates to trust instead of the system's roots.
	CABundle []byte
	// AllowInsecure lifts https and the refusal of addresses, for development.
	AllowInsecure bool
	// MaxConns is how many idle connections are kept; 4 if not positive.
	MaxConns int
	// WrapTransport decorates the way to DeepCall, for metrics and tests. It sees
	// the credentials in the request's body.
	WrapTransport func(http.RoundTripper) http.RoundTripper
	// Now is the clock for the dates in Retry-After; nil is time.Now.
	Now func() time.Time
}

// Client calls one endpoint. It holds no credentials, and may be used by many
// goroutines at once.
type Client struct {
	url       *url.URL
	timeout   time.Duration
	base      *http.Transport
	transport http.RoundTripper
	now       func() time.Time
}

// NewClient makes a client without calling anything. Its error is an
// *EndpointError or a *CABundleError: whoever owns the account acts.
func NewClient(cfg Config) (*Client, error) {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.MaxConns <= 0 {
		cfg.MaxConns = defaultMaxConns
	}
	if cfg.Now == nil {
		cfg.Now = time.Now //nolint:forbidigo // the default, where no clock is injected
	}
	target, err := parseEndpoint(cfg.Endpoint, cfg.AllowInsecure)
	if err != nil {
		return nil, err
	}
	base, err := newTransport(cfg)
	if err != nil {
		return nil, err
	}
	c := &Client{url: target, timeout: cfg.Timeout, base: base, transport: base, now: cfg.Now}
	if cfg.WrapTransport != nil {
		c.transport = cfg.WrapTransport(base)
	}
	return c, nil
}

// CloseIdleConnections closes the connections that no call uses.
func (c *Client) CloseIdleConnections() { c.base.CloseIdleConnections() }

// UpdateAgentGroupMapping sends the request, once, and returns DeepCall's answer
// if that is a success. Its error is always an *Error.
func (c *Client) UpdateAgentGroupMapping(ctx context.Context, cred Credentials, req Request) (answer Answer, err error) {
	// A panic's value may quote the request, so it goes no further than this.
	defer func() {
		if p := recover(); p != nil {
			cause := cred.redactCause(fmt.Errorf("panic: %v", p), nil)
			answer, err = Answer{}, &Error{Entry: entryUnreadableAnswer, Uncertain: true, cause: cause}
		}
	}()
	callCtx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()

	raw := encode(cred, req)
	body := &onceBody{Reader: bytes.NewReader(raw)}
	// Straight to the transport: an http.Client would follow redirects.
	resp, err := c.transport.RoundTrip(c.post(httptrace.WithClientTrace(callCtx, inOrder()), body, len(raw)))
	if err != nil {
		entry, is := failure(ctx, callCtx, err)
		return Answer{}, &Error{Entry: entry, Uncertain: !body.seal(), cause: cred.redactCause(err, is)}
	}
	defer func() { _ = resp.Body.Close() }()
	return c.verdict(ctx, callCtx, cred, resp)
}

// post makes the request. It has no GetBody, without which net/http can't send
// it again when a kept connection turns out to be closed.
func (c *Client) post(ctx context.Context, body *onceBody, length int) *http.Request {
	req := &http.Request{
		Method:        http.MethodPost,
		URL:           c.url,
		Host:          c.url.Host,
		Body:          body,
		ContentLength: int64(length),
		Header: http.Header{
			"Accept":       {"application/json"},
			"Content-Type": {"application/json"},
			"User-Agent":   {"deepcall-operator"},
		},
	}
	return req.WithContext(ctx)
}

// verdict reads the answer. The status counts before the body, except that a
// DeepCall error may come with any 2xx or 4xx.
//
//	HTTP status  body                   row
//	401 403 429  any                    Unauthorized, Forbidden, TooManyRequests
//	3xx 5xx      any                    Redirected, ServerError
//	2xx          success, 200           (success)
//	             error, known code      the code's
//	             error, another code    UnknownCode
//	             any other              UnreadableAnswer
//	any other    error, known code      the code's
//	             any other              UnexpectedStatus
//
// A body that doesn't end in time is Timeout, where the body counts.
func (c *Client) verdict(ctx, callCtx context.Context, cred Credentials, resp *http.Response) (Answer, error) {
	e := &Error{HTTPStatus: resp.StatusCode}
	ok := resp.StatusCode >= 200 && resp.StatusCode <= 299
	byStatus, decided := statusEntry(resp.StatusCode)
	said, err := readReply(resp)
	entry, known := Lookup(said.code)
	gaveUp, is := ended(ctx, callCtx)

	if err == nil {
		e.Answer = &Answer{Code: said.code, Message: cred.Redact(said.message)}
	}
	switch {
	case decided:
		e.Entry = byStatus
	case err == nil && ok && said.success:
		return *e.Answer, nil
	case err == nil && !said.success && known:
		e.Entry = entry
	case err == nil && ok:
		e.Entry = unknownCode(said.code)
	case errors.Is(err, errCut) && is != nil:
		e.Entry, e.cause = gaveUp, cred.redactCause(err, is)
	case ok:
		e.Entry, e.cause = entryUnreadableAnswer, cred.redactCause(err, nil)
	default:
		e.Entry = withStatus(entryUnexpectedStatus, resp.StatusCode)
	}
	if e.Reason == entryTooManyRequests.Reason || e.Reason == entryServerError.Reason {
		e.RetryAfter = retryAfter(resp.Header, c.now())
	}
	e.Uncertain = e.Class == Transient && e.HTTPStatus != http.StatusTooManyRequests
	return Answer{}, e
}

// statusEntry is the row of an HTTP status that decides whatever the body says.
func statusEntry(status int) (Entry, bool) {
	switch {
	case status == http.StatusUnauthorized:
		return entryUnauthorized, true
	case status == http.StatusForbidden:
		return entryForbidden, true
	case status == http.StatusTooManyRequests:
		return entryTooManyRequests, true
	case status >= 300 && status <= 399:
		return withStatus(entryRedirected, status), true
	case status >= 500 && status <= 599:
		return withStatus(entryServerError, status), true
	}
	return Entry{}, false
}
