package deepcall

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"sync/atomic"
)

// lookup observes whether DNS resolves the endpoint's host name. The error of a request does not show it, since a request that
// runs out of time returns the error of its context.
type lookup struct{ unfinished atomic.Bool }

type lookupKey struct{}

// withLookup returns a context whose lookup observeLookup finds.
func withLookup(ctx context.Context) (context.Context, *lookup) {
	l := &lookup{}
	return context.WithValue(ctx, lookupKey{}, l), l
}

// observeLookup returns a context for a dial of the endpoint. The lookup of a proxy's name is not observed.
func observeLookup(ctx context.Context) context.Context {
	l, ok := ctx.Value(lookupKey{}).(*lookup)
	if !ok {
		return ctx
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { l.unfinished.Store(true) },
		DNSDone:  func(info httptrace.DNSDoneInfo) { l.unfinished.Store(info.Err != nil) },
	})
}

// explains reports whether a request without an answer failed because the host name was not resolved.
func (l *lookup) explains(entry Entry, err error) bool {
	_, isDNS := errors.AsType[*net.DNSError](err)
	return entry == entryConnectionFailed && isDNS || entry == entryTimeout && l.unfinished.Load()
}

// withoutAddress returns the entry for an endpoint whose host name was not resolved.
func withoutAddress(e Entry) Entry {
	e.Message = "DNS does not resolve the host name of the account's endpoint; check spec.endpoint of the account, and the cluster's DNS"
	e.Remedy = checkNetwork
	return e
}
