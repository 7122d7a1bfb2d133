package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authentication "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// askWithin bounds what the API server is asked for one request.
const askWithin = 10 * time.Second

// guard lets those through whom the API server knows by their token, and allows the path. It asks for each request, so
// that what is revoked ends at once. controller-runtime's own filter brings CEL with it, which costs 7 MiB of memory, and
// answers 500 to an unknown token.
type guard struct {
	tokens authentication.TokenReviewsGetter
	access authorization.SubjectAccessReviewsGetter
}

// guarded is a metricsserver.FilterProvider.
func guarded(config *rest.Config, httpClient *http.Client) (metricsserver.Filter, error) {
	tokens, err := authentication.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("make a client for TokenReviews: %w", err)
	}
	access, err := authorization.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("make a client for SubjectAccessReviews: %w", err)
	}
	g := guard{tokens, access}
	return func(log logr.Logger, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			status, refusal, err := g.judge(req)
			if err != nil {
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

// judge returns the status of the answer, and what a refusal says. The error is the API server's failure to tell.
func (g guard) judge(req *http.Request) (status int, refusal string, err error) {
	ctx, cancel := context.WithTimeout(req.Context(), askWithin)
	defer cancel()
	scheme, token, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); token == "" || !strings.EqualFold(scheme, "Bearer") {
		return http.StatusUnauthorized, "Send a token that the API server knows.", nil
	}
	known, err := g.tokens.TokenReviews().Create(ctx, tokenReview(token), metav1.CreateOptions{})
	if err != nil {
		return http.StatusInternalServerError, "The API server could not say whose token this is.", fmt.Errorf("review the token: %w", err)
	}
	if !known.Status.Authenticated {
		return http.StatusUnauthorized, "The API server does not know this token.", nil
	}
	who := known.Status.User
	answer, err := g.access.SubjectAccessReviews().Create(ctx, accessReview(who, req), metav1.CreateOptions{})
	if err != nil {
		return http.StatusInternalServerError, "The API server could not say who may read this.", fmt.Errorf("review the access: %w", err)
	}
	if !answer.Status.Allowed {
		return http.StatusForbidden, who.Username + " may not: it takes a ClusterRole with the nonResourceURL of this page.", nil
	}
	return http.StatusOK, "", nil
}

// tokenReview asks whose token it is.
func tokenReview(token string) *authenticationv1.TokenReview {
	return &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
}

// accessReview asks whether somebody may do what they request.
func accessReview(who authenticationv1.UserInfo, req *http.Request) *authorizationv1.SubjectAccessReview {
	extra := map[string]authorizationv1.ExtraValue{}
	for key, values := range who.Extra {
		extra[key] = authorizationv1.ExtraValue(values)
	}
	return &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: who.Username, UID: who.UID, Groups: who.Groups, Extra: extra,
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: req.URL.Path, Verb: strings.ToLower(req.Method)},
	}}
}
