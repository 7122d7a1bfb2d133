package deepcall

import (
	"context"
	"errors"
	"net"
	"regexp"
	"time"
)

// Error is the only error of a call: anything but a success. Its row says what
// it means and who acts. No part of it holds a credential.
type Error struct {
	Entry
	// HTTPStatus is 0 when no HTTP answer came.
	HTTPStatus int
	// Answer is what DeepCall said; nil unless a readable answer came.
	Answer *Answer
	// RetryAfter is how long DeepCall wants to be left alone: from the header
	// Retry-After of HTTP 429 and 5xx, from 0 to one hour.
	RetryAfter time.Duration
	// Uncertain means that the request may have been applied all the same: some
	// of it may have left, and no definite refusal came back.
	Uncertain bool

	cause error
}

// Error is the row's message and, if there is one, the redacted cause.
func (e *Error) Error() string {
	if e.cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.cause.Error()
}

// Unwrap returns the redacted cause, through which errors.Is finds
// context.Canceled and context.DeadlineExceeded.
func (e *Error) Unwrap() error { return e.cause }

// redactedCause keeps the text of an error without its values: what is below
// may quote the request or the answer.
type redactedCause struct {
	text string
	is   error // context.Canceled, context.DeadlineExceeded or nil
}

func (c *redactedCause) Error() string { return c.text }
func (c *redactedCause) Unwrap() error { return c.is }

func (c Credentials) redactCause(err, is error) error {
	return &redactedCause{text: quotes.ReplaceAllString(c.Redact(err.Error()), `"…"`), is: is}
}

// quotes are the parts of an answer that net/http quotes when it can't read it, the last perhaps cut. If the answer
// is the request sent back, one may hold a part of a credential, which can't be told from other text.
var quotes = regexp.MustCompile(`(?s)"(?:[^"\\]|\\.)*(?:"|\\?$)`)

// failure is the row for a call that brought no complete HTTP answer, and the
// context's error if that is why.
func failure(ctx, callCtx context.Context, err error) (Entry, error) {
	var (
		notAllowed *addressError
		handshake  *handshakeError
		timeout    net.Error
	)
	entry, is := ended(ctx, callCtx)
	switch {
	case is != nil:
		return entry, is
	case errors.As(err, &notAllowed):
		return entryEndpointNotAllowed, nil
	case errors.As(err, &timeout) && timeout.Timeout():
		return entryTimeout, context.DeadlineExceeded
	case errors.As(err, &handshake):
		return entryTLSFailed, nil
	}
	return entryConnectionFailed, nil
}

// ended is the row for a call that was given up, and the context's error; no
// error if it wasn't. callCtx is ctx with the call's time-out.
func ended(ctx, callCtx context.Context) (Entry, error) {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return entryCanceled, context.Canceled
	case callCtx.Err() != nil:
		return entryTimeout, context.DeadlineExceeded
	}
	return Entry{}, nil
}
