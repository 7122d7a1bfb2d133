package deepcall

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// Error is the error of every request that did not succeed. No part of it holds a credential.
type Error struct {
	Entry
	// HTTPStatus is 0 when no HTTP answer was received.
	HTTPStatus int
	// Answer is DeepCall's answer, nil if none was received that could be read.
	Answer *Answer
	// RetryAfter is the pause of the header Retry-After of HTTP 429 and 5xx, from 0 to one hour.
	RetryAfter time.Duration
	// Uncertain means that DeepCall can have applied the request: some of it was sent, and not definitely rejected.
	Uncertain bool

	cause error // a context's error, a fixedCause or a fixed phrase about the answer
}

// Error returns the entry's message and, if there is one, the cause.
func (e *Error) Error() string {
	if e.cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.cause.Error()
}

// Unwrap returns the cause: context.Canceled for a canceled request, context.DeadlineExceeded for a time-out.
func (e *Error) Unwrap() error { return e.cause }

// fixedCause is one of a fixed set of phrases that name the cause of a failed
// connection. It quotes nothing of the error, which can contain the answer and, in
// it, the request.
type fixedCause string

func (c fixedCause) Error() string { return string(c) }

// Cause returns the cause of a failed connection, such as "connection refused". It is
// empty for other errors. It is not a part of the message, because the causes of
// consecutive failures can alternate, and the conditions of mappings would alternate
// with them.
func (e *Error) Cause() string {
	cause, _ := errors.AsType[fixedCause](e.cause)
	return string(cause)
}

// AsError returns the *Error in err; nil if err is nil. An error of another type counts as an unreadable answer.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if failure, ok := errors.AsType[*Error](err); ok {
		return failure
	}
	return &Error{Entry: entryUnreadableAnswer, Uncertain: true}
}

// WithAcceptedCredentials returns the error of a request whose credentials DeepCall accepted before. HTTP 403 without an
// answer of DeepCall's own then comes from a proxy or firewall and denies nothing. HTTP 401 always denies: it is about the
// credentials.
func WithAcceptedCredentials(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Reason != entryForbidden.Reason || e.Answer != nil {
		return err
	}
	blocked := *e
	blocked.Entry, blocked.Uncertain = entryBlocked, true
	return &blocked
}

// classifyFailure returns the entry and the cause of a request that got no HTTP answer.
func classifyFailure(ctx, requestCtx context.Context, err error) (Entry, error) {
	if entry, ctxErr := classifyContext(ctx, requestCtx); ctxErr != nil {
		return entry, ctxErr
	}
	if errors.Is(err, errAddressNotAllowed) {
		return entryEndpointNotAllowed, nil
	}
	if isTimeout(err) {
		return entryTimeout, context.DeadlineExceeded
	}
	if handshake, ok := errors.AsType[*handshakeError](err); ok {
		return entryTLSFailed, handshakeCause(handshake.err)
	}
	return entryConnectionFailed, connectionCause(err)
}

// classifyContext returns the entry of a request whose context ended, and the context's error; no error if it did not
// end. requestCtx is ctx with the time-out of the request.
func classifyContext(ctx, requestCtx context.Context) (Entry, error) {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return entryCanceled, context.Canceled
	case requestCtx.Err() != nil:
		return entryTimeout, context.DeadlineExceeded
	}
	return Entry{}, nil
}

// connectionCause returns the cause of a connection that failed without an HTTP
// answer.
func connectionCause(err error) fixedCause {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return "no such host"
		}
		return "the name could not be resolved"
	}
	if cause, ok := errors.AsType[fixedCause](err); ok {
		return cause
	}
	op, isOp := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to the server"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the server closed the connection"
	case isOp && op.Op == "dial":
		return "the connection could not be opened"
	case isOp && op.Op == remoteAlert:
		return "the server rejected the TLS connection"
	}
	return "the server's answer is not valid HTTP"
}

// remoteAlert is the operation of the net.OpError that crypto/tls returns for an alert
// of the server.
const remoteAlert = "remote error"

// handshakeCause returns the cause of a failed TLS handshake.
func handshakeCause(err error) fixedCause {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return certificateCause(invalid)
	}
	if _, ok := errors.AsType[x509.UnhandledCriticalExtension](err); ok {
		return "the server's certificate is invalid"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the server's certificate is signed by an unknown authority"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the server's certificate is for another host name"
	}
	if _, ok := errors.AsType[x509.SystemRootsError](err); ok {
		return "the system's trusted roots could not be loaded"
	}
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if string(record.RecordHeader[:]) == "HTTP/" {
			return "the server answered in plain HTTP"
		}
		return "the server does not speak TLS"
	}
	op, isOp := errors.AsType[*net.OpError](err)
	switch {
	case strings.Contains(err.Error(), "protocol version"): // an alert of either side, without a type
		return "the server does not support TLS 1.2 or newer"
	case isOp && op.Op == remoteAlert:
		return "the server rejected the TLS handshake"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the server closed the connection during the TLS handshake"
	}
	return "the TLS handshake failed"
}

// certificateCause returns the cause why a certificate is invalid. Only the detail,
// a text, distinguishes an expired one from one that is not yet valid.
func certificateCause(invalid x509.CertificateInvalidError) fixedCause {
	switch {
	case invalid.Reason == x509.Expired && strings.Contains(invalid.Detail, " is after "):
		return "the server's certificate has expired"
	case invalid.Reason == x509.Expired && strings.Contains(invalid.Detail, " is before "):
		return "the server's certificate is not yet valid"
	case invalid.Reason == x509.Expired:
		return "the server's certificate has expired or is not yet valid"
	case invalid.Reason == x509.IncompatibleUsage:
		return "the server's certificate is not for servers"
	}
	return "the server's certificate is invalid"
}
