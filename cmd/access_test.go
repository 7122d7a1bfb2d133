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

// reviewer answers reviews as an API server does. A token is its user's name; nobody is not known, and some make it fail.
type reviewer struct {
	asked []authorizationv1.SubjectAccessReviewSpec
}

func (r *reviewer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(req.URL.Path, "/tokenreviews") {
		r.reviewToken(w, req)
		return
	}
	var review authorizationv1.SubjectAccessReview
	_ = json.NewDecoder(req.Body).Decode(&review)
	r.asked = append(r.asked, review.Spec)
	if review.Spec.User == "unanswered" {
		http.Error(w, "not now", http.StatusInternalServerError)
		return
	}
	asked := review.Spec.NonResourceAttributes
	review.Status.Allowed = asked.Verb == "get" && asked.Path == "/metrics"
	review.Status.Denied = review.Spec.User == "denied"
	_ = json.NewEncoder(w).Encode(review)
}

func (r *reviewer) reviewToken(w http.ResponseWriter, req *http.Request) {
	var review authenticationv1.TokenReview
	_ = json.NewDecoder(req.Body).Decode(&review)
	switch review.Spec.Token {
	case "nobody":
	case "unreviewed":
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

func configOf(server *httptest.Server) *rest.Config {
	return &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
}

func TestTheMetricsAreForThoseWhomTheAPIServerAllows(t *testing.T) {
	reviews := &reviewer{}
	server := httptest.NewServer(reviews)
	defer server.Close()
	filter, err := metricsAccess(configOf(server), server.Client())
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
		says                              string
	}{
		{"a user who may", http.MethodGet, "/metrics", "Bearer scraper", http.StatusOK, "up 1"},
		{"the scheme in small letters", http.MethodGet, "/metrics", "bearer scraper", http.StatusOK, "up 1"},
		{"no token", http.MethodGet, "/metrics", "", http.StatusUnauthorized, "Send a token"},
		{"an empty token", http.MethodGet, "/metrics", "Bearer ", http.StatusUnauthorized, "Send a token"},
		{"another scheme", http.MethodGet, "/metrics", "Basic scraper", http.StatusUnauthorized, "Send a token"},
		{"an unknown token", http.MethodGet, "/metrics", "Bearer nobody", http.StatusUnauthorized, "does not know"},
		{"another path", http.MethodGet, "/debug", "Bearer scraper", http.StatusForbidden, "scraper may not"},
		{"another verb", http.MethodPost, "/metrics", "Bearer scraper", http.StatusForbidden, "scraper may not"},
		{"a user who is denied", http.MethodGet, "/metrics", "Bearer denied", http.StatusForbidden, "denied may not"},
		{"the same user again", http.MethodGet, "/metrics", "Bearer denied", http.StatusForbidden, "denied may not"},
		{"no answer on the token", http.MethodGet, "/metrics", "Bearer unreviewed", http.StatusInternalServerError, "whose token"},
		{"no answer on the user", http.MethodGet, "/metrics", "Bearer unanswered", http.StatusInternalServerError, "who may"},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := httptest.NewRequestWithContext(t.Context(), test.method, test.path, nil)
			if test.authorization != "" {
				request.Header.Set("Authorization", test.authorization)
			}
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			if answer.Code != test.status || !strings.Contains(answer.Body.String(), test.says) {
				t.Errorf("got %d %q, want %d and %q", answer.Code, answer.Body, test.status, test.says)
			}
		})
	}
	if len(reviews.asked) != 6 {
		t.Errorf("the API server was asked for the rights of %d, want 6: a yes holds for a while, and a no does not", len(reviews.asked))
	}
	asked := reviews.asked[0]
	if asked.UID != "4711" || asked.Groups[0] != "scrapers" || asked.Extra["pod"][0] != "prometheus-0" {
		t.Errorf("the API server is not told all that it knows of who asks: %+v", asked)
	}
}

func TestWhatIsAskedOfTheAPIServerIsBounded(t *testing.T) {
	reviews, clk := &reviewer{}, clocktesting.NewFakeClock(time.Now())
	server := httptest.NewServer(reviews)
	defer server.Close()
	a, err := newAccess(configOf(server), server.Client(), clk)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(ctx context.Context, when string, status, asked int) {
		t.Helper()
		request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)
		request.Header.Set("Authorization", "Bearer scraper")
		if got, _, err := a.judge(request); err != nil || got != status || len(reviews.asked) != asked {
			t.Errorf("%s: got %d after %d questions (%v), want %d after %d", when, got, len(reviews.asked), err, status, asked)
		}
	}
	expect(t.Context(), "at first", http.StatusOK, 1)
	clk.Step(yesHolds - time.Second)
	expect(t.Context(), "while the yes holds", http.StatusOK, 1)
	clk.Step(2 * time.Second)
	expect(t.Context(), "once it is over", http.StatusOK, 2)

	clk.Step(2 * yesHolds)
	for range askAtOnce {
		a.asking <- struct{}{}
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	expect(impatient, "while so many ask", http.StatusServiceUnavailable, 2)
	<-a.asking
	expect(t.Context(), "once one has done", http.StatusOK, 3)
}
