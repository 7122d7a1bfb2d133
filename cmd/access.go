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

// What the API server is asked of scrapers is bounded, since whoever reaches the port can make it be asked: so many
// questions at a time, none longer than that, and a yes holds for a while.
const (
	askAtOnce = 4
	askWithin = 10 * time.Second
	yesHolds  = 30 * time.Second
	yesAtMost = 128 // remembered
)

// access lets those read the metrics whom the API server knows by their token, and allows the path. controller-runtime's
// own filter asks the same, but brings CEL along, which costs 7 MiB of memory, and answers 500 to an unknown token.
type access struct {
	tokens authentication.TokenReviewsGetter
	rights authorization.SubjectAccessReviewsGetter
	asking chan struct{}
	// allowed are questions that were answered with yes.
	allowed *cache.LRUExpireCache
}

// question is what is asked, without the token itself.
type question struct {
	token      [sha256.Size]byte
	verb, path string
}

func newAccess(config *rest.Config, httpClient *http.Client, clk cache.Clock) (access, error) {
	tokens, err := authentication.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return access{}, fmt.Errorf("make a client for TokenReviews: %w", err)
	}
	rights, err := authorization.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return access{}, fmt.Errorf("make a client for SubjectAccessReviews: %w", err)
	}
	return access{tokens, rights, make(chan struct{}, askAtOnce), cache.NewLRUExpireCacheWithClock(yesAtMost, clk)}, nil
}

// metricsAccess is a metricsserver.FilterProvider.
func metricsAccess(config *rest.Config, httpClient *http.Client) (metricsserver.Filter, error) {
	a, err := newAccess(config, httpClient, clock.RealClock{})
	if err != nil {
		return nil, err
	}
	return func(log logr.Logger, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			status, refusal, err := a.judge(req)
			if err != nil && req.Context().Err() == nil {
				log.Error(err, "ask the API server who may read the metrics")
			}
			if status != http.StatusOK {
				http.Error(w, refusal, status)
				return
			}
			next.ServeHTTP(w, req)
		}), nil
	}, nil
}

// judge returns the status of the answer, and what a refusal says. The error is a failure to find out.
func (a access) judge(req *http.Request) (status int, refusal string, err error) {
	scheme, token, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); token == "" || !strings.EqualFold(scheme, "Bearer") {
		return http.StatusUnauthorized, "Send a token that the API server knows.", nil
	}
	q := question{sha256.Sum256([]byte(token)), strings.ToLower(req.Method), req.URL.Path}
	if _, yes := a.allowed.Get(q); yes {
		return http.StatusOK, "", nil
	}
	ctx, cancel := context.WithTimeout(req.Context(), askWithin)
	defer cancel()
	select {
	case a.asking <- struct{}{}:
		defer func() { <-a.asking }()
	case <-ctx.Done():
		return http.StatusServiceUnavailable, "Too many ask at once.", nil
	}
	status, refusal, err = a.ask(klog.NewContext(ctx, logr.Discard()), token, q)
	if status == http.StatusOK {
		a.allowed.Add(q, nil, yesHolds)
	}
	return status, refusal, err
}

// ask asks the API server. The context has no logger, since the token is in the request.
func (a access) ask(ctx context.Context, token string, q question) (status int, refusal string, err error) {
	known, err := a.tokens.TokenReviews().Create(ctx, tokenReview(token), metav1.CreateOptions{})
	if err != nil {
		return http.StatusInternalServerError, "The API server could not say whose token this is.", fmt.Errorf("review the token: %w", err)
	}
	if !known.Status.Authenticated {
		return http.StatusUnauthorized, "The API server does not know this token.", nil
	}
	who := known.Status.User
	answer, err := a.rights.SubjectAccessReviews().Create(ctx, accessReview(who, q), metav1.CreateOptions{})
	if err != nil {
		return http.StatusInternalServerError, "The API server could not say who may read this.", fmt.Errorf("review the access: %w", err)
	}
	if !answer.Status.Allowed || answer.Status.Denied {
		return http.StatusForbidden, who.Username + " may not: it takes a ClusterRole with the nonResourceURL of this page.", nil
	}
	return http.StatusOK, "", nil
}

// tokenReview asks whose token it is.
func tokenReview(token string) *authenticationv1.TokenReview {
	return &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
}

// accessReview asks whether somebody may do what they request.
func accessReview(who authenticationv1.UserInfo, q question) *authorizationv1.SubjectAccessReview {
	extra := map[string]authorizationv1.ExtraValue{}
	for key, values := range who.Extra {
		extra[key] = authorizationv1.ExtraValue(values)
	}
	return &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: who.Username, UID: who.UID, Groups: who.Groups, Extra: extra,
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: q.path, Verb: q.verb},
	}}
}
