package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	authentication "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// These limits bound the load that unauthenticated clients of the metrics port can put on the API server.
const (
	maxConcurrentReviews = 4
	reviewTimeout        = 10 * time.Second
	allowTTL             = 30 * time.Second
	maxAllowed           = 128 // cached decisions
)

// authorizer lets a client read the metrics if the API server authenticates its token and authorizes its request.
// controller-runtime's own filter does the same, but depends on CEL, which costs 7 MiB of memory, and responds to an
// unknown token with status 500.
type authorizer struct {
	tokenReviews  authentication.TokenReviewsGetter
	accessReviews authorization.SubjectAccessReviewsGetter
	slots         chan struct{}
	// allowed contains the reviewKeys of requests that were allowed recently.
	allowed *cache.LRUExpireCache
}

// reviewKey identifies a decision without containing the token itself.
type reviewKey struct {
	tokenHash  [sha256.Size]byte
	verb, path string
}

// decision is the status of the response to a client and, unless that is 200, the message.
type decision struct {
	status  int
	message string
}

var allow = decision{status: http.StatusOK}

func newAuthorizer(config *rest.Config, httpClient *http.Client, clk cache.Clock) (*authorizer, error) {
	tokenReviews, err := authentication.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("create the TokenReview client: %w", err)
	}
	accessReviews, err := authorization.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("create the SubjectAccessReview client: %w", err)
	}
	return &authorizer{
		tokenReviews:  tokenReviews,
		accessReviews: accessReviews,
		slots:         make(chan struct{}, maxConcurrentReviews),
		allowed:       cache.NewLRUExpireCacheWithClock(maxAllowed, clk),
	}, nil
}

// metricsAccess is a metricsserver.FilterProvider.
func metricsAccess(config *rest.Config, httpClient *http.Client) (metricsserver.Filter, error) {
	a, err := newAuthorizer(config, httpClient, clock.RealClock{})
	if err != nil {
		return nil, err
	}
	return func(log logr.Logger, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			decided, err := a.authorize(req)
			if err != nil && req.Context().Err() == nil {
				log.Error(err, "Failed to authorize a request for metrics")
			}
			if decided != allow {
				http.Error(w, decided.message, decided.status)
				return
			}
			next.ServeHTTP(w, req)
		}), nil
	}, nil
}

// authorize decides about a request, from the cache or by a review. An error means that the review failed.
func (a *authorizer) authorize(req *http.Request) (decision, error) {
	scheme, token, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); token == "" || !strings.EqualFold(scheme, "Bearer") {
		return decision{http.StatusUnauthorized, "A bearer token is required."}, nil
	}
	key := reviewKey{sha256.Sum256([]byte(token)), strings.ToLower(req.Method), req.URL.Path}
	if _, ok := a.allowed.Get(key); ok {
		return allow, nil
	}
	ctx, cancel := context.WithTimeout(req.Context(), reviewTimeout)
	defer cancel()
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return decision{http.StatusServiceUnavailable, "Too many concurrent reviews."}, nil
	}
	// client-go logs request bodies, and this one contains the token.
	decided, err := a.review(klog.NewContext(ctx, logr.Discard()), token, key)
	if decided == allow {
		a.allowed.Add(key, nil, allowTTL)
	}
	return decided, err
}

// review sends a TokenReview and, for an authenticated user, a SubjectAccessReview to the API server.
func (a *authorizer) review(ctx context.Context, token string, key reviewKey) (decision, error) {
	tokenReview, err := a.tokenReviews.TokenReviews().Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token},
	}, metav1.CreateOptions{})
	if err != nil {
		return decision{http.StatusInternalServerError, "The TokenReview failed."}, fmt.Errorf("create a TokenReview: %w", err)
	}
	if !tokenReview.Status.Authenticated {
		return decision{http.StatusUnauthorized, "The API server does not accept this token."}, nil
	}
	user := tokenReview.Status.User
	accessReview, err := a.accessReviews.SubjectAccessReviews().Create(ctx, newAccessReview(user, key), metav1.CreateOptions{})
	if err != nil {
		return decision{http.StatusInternalServerError, "The SubjectAccessReview failed."}, fmt.Errorf("create a SubjectAccessReview: %w", err)
	}
	if !accessReview.Status.Allowed || accessReview.Status.Denied {
		return decision{http.StatusForbidden, fmt.Sprintf("User %q cannot %s path %q: a ClusterRole with this nonResourceURL is required.",
			user.Username, key.verb, key.path)}, nil
	}
	return allow, nil
}

func newAccessReview(user authenticationv1.UserInfo, key reviewKey) *authorizationv1.SubjectAccessReview {
	extra := map[string]authorizationv1.ExtraValue{}
	for name, values := range user.Extra {
		extra[name] = authorizationv1.ExtraValue(values)
	}
	return &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: key.path, Verb: key.verb},
	}}
}
