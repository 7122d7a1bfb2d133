package controller

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// reconnectInterval is the delay between two attempts to connect to the API server.
const reconnectInterval = time.Second

// NewInformer returns an informer that connects again within seconds after an outage of the API server. By itself, client-go
// waits for up to a minute then, and a standby that becomes the leader would not see edits for that long.
func NewInformer(
	lw toolscache.ListerWatcher, obj runtime.Object, resync time.Duration, indexers toolscache.Indexers,
) toolscache.SharedIndexInformer {
	next := toolscache.ToListerWatcherWithContext(lw)
	return toolscache.NewSharedIndexInformer(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			quiet := ctx
			if _, isMetadata := obj.(*metav1.PartialObjectMetadata); isMetadata {
				// At high log levels, client-go logs responses, and kubectl apply stores a copy of a Secret in its metadata.
				quiet = klog.NewContext(ctx, logr.Discard())
			}
			return untilConnected(ctx, func() (runtime.Object, error) { return next.ListWithContext(quiet, options) })
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return untilConnected(ctx, func() (watch.Interface, error) { return next.WatchWithContext(ctx, options) })
		},
	}, obj, resync, indexers)
}

// untilConnected repeats a request until a connection to the API server can be made, or ctx ends. Other errors are returned.
func untilConnected[T any](ctx context.Context, send func() (T, error)) (result T, err error) {
	reported := false
	_ = wait.PollUntilContextCancel(ctx, reconnectInterval, true, func(context.Context) (bool, error) {
		result, err = send()
		if !isOutage(err) {
			return true, nil
		}
		if !reported {
			log.FromContext(ctx).Info("Waiting for the API server", "cause", err.Error())
			reported = true
		}
		return false, nil
	})
	return result, err
}

// isOutage reports whether an error means that no connection was made, or that it broke. A certificate that is not trusted is
// another error.
func isOutage(err error) bool {
	network, ok := errors.AsType[*net.OpError](err)
	return ok && network.Op != "remote error" || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
