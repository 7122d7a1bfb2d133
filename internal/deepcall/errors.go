package deepcall

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// Error is the error of every request that did not succeed. Its catalogue entry
// says what it means and who acts. No part of it holds a credential.
type Error struct {
	Entry
	// HTTPStatus is 0 when no HTTP answer was received.
	HTTPStatus int
	// Answer is DeepCall's answer, nil if none was received that could be read.
	Answer *Answer
	// RetryAfter is the pause that DeepCall asks for with the header Retry-After of
	// HTTP 429 and 5xx, from 0 to one hour.
	RetryAfter time.Duration
	// Uncertain means that DeepCall can have applied the request: some of it was sent,
	// and DeepCall did not definitely refuse it.
	Uncertain bool

	cause error // a context's error, or a fixed phrase
}

// Error returns the entry's message and, if there is one, the cause.
func (e *Error) Error() string {
	if e.cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.cause.Error()
}

// Unwrap returns the cause, which is context.Canceled for a canceled request and
// context.DeadlineExceeded for a time-out.
func (e *Error) Unwrap() error { return e.cause }

// WithAcceptedCredentials returns the error of a request whose credentials DeepCall
// accepted before. HTTP 403 without an answer of DeepCall's own then comes from a proxy
// or firewall and denies nothing. HTTP 401 always denies: it is about the credentials.
func WithAcceptedCredentials(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Reason != entryForbidden.Reason || e.Answer != nil {
		return err
	}
	blocked := *e
	blocked.Entry, blocked.Uncertain = entryBlocked, true
	return &blocked
}

// classifyFailure returns the entry and the cause of a request that got no HTTP
// answer.
func classifyFailure(ctx, requestCtx context.Context, err error) (Entry, error) {
	if entry, ctxErr := classifyContext(ctx, requestCtx); ctxErr != nil {
		return entry, ctxErr
	}
	if errors.Is(err, errAddressNotAllowed) {
		return entryEndpointNotAllowed, nil
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return entryTimeout, context.DeadlineExceeded
	}
	if handshake, ok := errors.AsType[*handshakeError](err); ok {
		return entryTLSFailed, handshakeCause(handshake.err)
	}
	return entryConnectionFailed, connectionCause(err)
}

// classifyContext returns the entry of a request whose context ended, and the
// context's error; no error if it did not end. requestCtx is ctx with the time-out
// of the request.
func classifyContext(ctx, requestCtx context.Context) (Entry, error) {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return entryCanceled, context.Canceled
	case requestCtx.Err() != nil:
		return entryTimeout, context.DeadlineExceeded
	}
	return Entry{}, nil
}

// connectionCause returns a fixed phrase for err, whose own text can quote the
// answer and, in it, the request.
func connectionCause(err error) error {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return errors.New("no such host")
		}
		return errors.New("the name could not be resolved")
	}
	for _, known := range []error{errUnsolicited, errTooMuchData} {
		if errors.Is(err, known) {
			return known
		}
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("connection refused")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errors.New("connection reset")
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return errors.New("no route to the server")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the server closed the connection")
	}
	return errors.New("the server's answer is not valid HTTP")
}

// handshakeCause returns a fixed phrase for the error of a TLS handshake.
func handshakeCause(err error) error {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return errors.New("the server's certificate has expired or is not yet valid")
		}
		return errors.New("the server's certificate is invalid")
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return errors.New("the server's certificate is signed by an unknown authority")
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return errors.New("the server's certificate is for another host name")
	}
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if string(record.RecordHeader[:]) == "HTTP/" {
			return errors.New("the server answered in plain HTTP")
		}
		return errors.New("the server does not speak TLS")
	}
	return errors.New("the TLS handshake failed")
}
