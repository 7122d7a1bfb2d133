package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"
)

// Tokens with a special meaning for fakeReviewer.
const (
	unknownToken       = "unknown"
	failingTokenReview = "token-review-fails"
	failingAccess      = "access-review-fails"
)

// fakeReviewer serves TokenReviews and SubjectAccessReviews. The name of a token's user is the token.
type fakeReviewer struct {
	accessReviews []authorizationv1.SubjectAccessReviewSpec
}

func (r *fakeReviewer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(req.URL.Path, "/tokenreviews") {
		r.reviewToken(w, req)
		return
	}
	var review authorizationv1.SubjectAccessReview
	_ = json.NewDecoder(req.Body).Decode(&review)
	r.accessReviews = append(r.accessReviews, review.Spec)
	if review.Spec.User == failingAccess {
		http.Error(w, "not now", http.StatusInternalServerError)
		return
	}
	attributes := review.Spec.NonResourceAttributes
	review.Status.Allowed = attributes.Verb == "get" && attributes.Path == "/metrics"
	review.Status.Denied = review.Spec.User == "denied"
	_ = json.NewEncoder(w).Encode(review)
}

func (r *fakeReviewer) reviewToken(w http.ResponseWriter, req *http.Request) {
	var review authenticationv1.TokenReview
	_ = json.NewDecoder(req.Body).Decode(&review)
	switch review.Spec.Token {
	case unknownToken:
	case failingTokenReview:
		http.Error(w, "not now", http.StatusInternalServerError)
		return
	default:
		review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{
			Username: review.Spec.Token, UID: "4711", Groups: []string{"scrapers"},
			Extra: map[string]authenticationv1.ExtraValue{"pod": {"prometheus-0"}},
		}}
	}
	_ = json.NewEncoder(w).Encode(review)
}

func configFor(server *httptest.Server) *rest.Config {
	return &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
}

func TestMetricsAccess(t *testing.T) {
	reviewer := &fakeReviewer{}
	server := httptest.NewServer(reviewer)
	defer server.Close()
	filter, err := metricsAccess(configFor(server), server.Client())
	if err != nil {
		t.Fatal(err)
	}
	handler, err := filter(logr.Discard(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("up 1")) }))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, method, path, authorization string
		status                            int
		body                              string
	}{
		{"allows an authorized user", http.MethodGet, "/metrics", "Bearer scraper", http.StatusOK, "up 1"},
		{"ignores the case of the scheme", http.MethodGet, "/metrics", "bearer scraper", http.StatusOK, "up 1"},
		{"rejects a missing token", http.MethodGet, "/metrics", "", http.StatusUnauthorized, "A bearer token is required"},
		{"rejects an empty token", http.MethodGet, "/metrics", "Bearer ", http.StatusUnauthorized, "A bearer token is required"},
		{"rejects another scheme", http.MethodGet, "/metrics", "Basic scraper", http.StatusUnauthorized, "A bearer token is required"},
		{"rejects an unknown token", http.MethodGet, "/metrics", "Bearer " + unknownToken, http.StatusUnauthorized, "does not accept this token"},
		{"rejects another path", http.MethodGet, "/debug", "Bearer scraper", http.StatusForbidden, `User "scraper" cannot get path "/debug"`},
		{"rejects another verb", http.MethodPost, "/metrics", "Bearer scraper", http.StatusForbidden, `User "scraper" cannot post path "/metrics"`},
		{"rejects a denied user", http.MethodGet, "/metrics", "Bearer denied", http.StatusForbidden, `User "denied" cannot`},
		{"reviews a denied user again", http.MethodGet, "/metrics", "Bearer denied", http.StatusForbidden, `User "denied" cannot`},
		{"reports a failed TokenReview", http.MethodGet, "/metrics", "Bearer " + failingTokenReview, http.StatusInternalServerError, "TokenReview failed"},
		{"reports a failed SubjectAccessReview", http.MethodGet, "/metrics", "Bearer " + failingAccess, http.StatusInternalServerError, "SubjectAccessReview failed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := httptest.NewRequestWithContext(t.Context(), test.method, test.path, nil)
			if test.authorization != "" {
				request.Header.Set("Authorization", test.authorization)
			}
			response := httptest.NewRecorder()
			handler.ServeHTTP(response, request)
			if response.Code != test.status || !strings.Contains(response.Body.String(), test.body) {
				t.Errorf("got %d %q, want %d and %q", response.Code, response.Body, test.status, test.body)
			}
		})
	}
	if len(reviewer.accessReviews) != 6 {
		t.Errorf("got %d SubjectAccessReviews, want 6: only allowed requests are cached", len(reviewer.accessReviews))
	}
	spec := reviewer.accessReviews[0]
	if spec.UID != "4711" || spec.Groups[0] != "scrapers" || spec.Extra["pod"][0] != "prometheus-0" {
		t.Errorf("the SubjectAccessReview lacks attributes of the user: %+v", spec)
	}
}

func TestMetricsAccessLimitsReviews(t *testing.T) {
	reviewer, clk := &fakeReviewer{}, clocktesting.NewFakeClock(time.Now())
	server := httptest.NewServer(reviewer)
	defer server.Close()
	a, err := newAuthorizer(configFor(server), server.Client(), clk)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(ctx context.Context, when string, status, reviews int) {
		t.Helper()
		request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)
		request.Header.Set("Authorization", "Bearer scraper")
		if got, err := a.authorize(request); err != nil || got.status != status || len(reviewer.accessReviews) != reviews {
			t.Errorf("%s: got %d after %d reviews (%v), want %d after %d", when, got.status, len(reviewer.accessReviews), err, status, reviews)
		}
	}
	expect(t.Context(), "first request", http.StatusOK, 1)
	clk.Step(allowTTL - time.Second)
	expect(t.Context(), "before the TTL has passed", http.StatusOK, 1)
	clk.Step(2 * time.Second)
	expect(t.Context(), "after the TTL has passed", http.StatusOK, 2)

	clk.Step(2 * allowTTL)
	for range maxConcurrentReviews {
		a.slots <- struct{}{}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	expect(canceled, "while all slots are taken", http.StatusServiceUnavailable, 2)
	<-a.slots
	expect(t.Context(), "once a slot is free", http.StatusOK, 3)
}
