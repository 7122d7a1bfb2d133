package reliability

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

func jsonQuote(text string) string {
	out, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// escapedForms returns the forms in which a server can echo a credential.
func escapedForms(secret string) []string {
	return []string{
		secret, jsonQuote(secret), jsonQuote(jsonQuote(secret)), strconv.Quote(secret), strconv.QuoteToASCII(secret),
		url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret),
		hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.URLEncoding.EncodeToString([]byte("x" + secret)),
		base64.RawStdEncoding.EncodeToString([]byte("user:" + secret)),
	}
}

// The manager logs, records and writes no credential at the highest verbosity, whatever happens to credentials.
func TestManagerRevealsNoCredentials(t *testing.T) {
	r := newRunner(t, sequence{})
	m := newRecordedManager(t, r)
	m.run("asha is synced", m.mappingIs("asha", readySynced), operation{Do: "apply", On: "asha", To: alternatingGroups(3)})

	secrets := []string{r.tokens["acme"], r.users["acme"]}
	for i, echo := range append(escapedForms(secrets[0]), escapedForms(secrets[1])...) {
		for _, body := range []string{
			`{"status":"error","code":9999,"message":` + jsonQuote("what is "+echo+"?") + `}`, // only the text of unknown codes is shown
			`{"status":"success","code":200,"message":` + jsonQuote(echo) + `}`,
		} {
			r.servers[primary].Script(deepcalltest.Body([]byte(body)).ForAgent("7"))
		}
		m.run("the echo is reported", m.mappingIs("asha", "Ready=False UnknownCode Reconciling"),
			operation{Do: "apply", On: "asha", To: alternatingGroups(2 * i)})
		m.run("the echo is accepted", m.mappingIs("asha", readySynced), operation{Do: "apply", On: "asha", To: alternatingGroups(2*i + 1)})
	}
	r.servers[primary].Script(deepcalltest.Body([]byte(secrets[0] + " is no JSON")).ForAgent("7")) // for the log
	m.run("the unreadable echo is retried", m.mappingIs("asha", readySynced), operation{Do: "apply", On: "asha", To: "90=N 92=Y"})
	for _, state := range []struct{ secret, reason string }{
		{"incomplete", "InvalidCredentials"}, {"ambiguous", "InvalidCredentials"}, {"deleted", "SecretNotFound"}, {"wrong", "Untried"},
	} {
		m.run("the account has the reason", m.accountHasReason("acme", state.reason), operation{Do: "secret", On: "acme", To: state.secret})
	}
	// DeepCall denies the wrong credentials. The request is sent again once they are right.
	m.run("the wrong token is denied", m.accountHasReason("acme", "InvalidToken"), operation{Do: "apply", On: "asha", To: "90=Y 92=N"})
	m.run("asha is synced", m.mappingIs("asha", readySynced), operation{Do: "rotate", On: "acme", To: "deepcall"})
	for _, fault := range []string{"cut-after", "hang", "500"} {
		m.run("asha is synced", m.mappingIs("asha", readySynced),
			operation{Do: "fault", On: "7", To: fault, Times: 1}, operation{Do: "flip", On: "asha", To: "90"})
	}
	m.stop()
	m.start(t)
	m.run("asha is deleted", func() string {
		if r.mapping("asha") != nil {
			return "not yet"
		}
		return ""
	}, operation{Do: "move-account", On: "acme", To: secondary}, operation{Do: "delete", On: "asha"})
	m.stop()

	sinks := m.allSinks(t)
	for sink, text := range map[string]string{
		"a log": "Response Body", "an event": "UnknownCode", "an object": `"message":"[redacted]"`,
		"a metric": `account="acme"`, "a span": "updateAgentGroupMapping",
	} {
		if !strings.Contains(sinks[sink], text) {
			t.Errorf("%q was not recorded in %s", text, sink)
		}
	}
	if !strings.Contains(sinks["a log"], "Secret") {
		t.Error("the watch of Secrets was not recorded in a log")
	}
	for _, violation := range findCredentials(sinks, r.secrets) {
		t.Error(violation)
	}
	m.checkSinksAreSearched(t)
}

// alternatingGroups returns the same groups for each n, with other values than for the three numbers before.
func alternatingGroups(n int) string {
	return "90=" + groupValue(n&1 != 0) + " 91=" + groupValue(n&2 != 0)
}

// checkSinksAreSearched leaks a canary into every sink, as a defect would, and checks that it is found there.
func (m *recordedManager) checkSinksAreSearched(t *testing.T) {
	t.Helper()
	secret := newCanary(leakedMark)
	m.env.log.logger(1).V(10).Info("a log line", "body", `{"token":`+jsonQuote(secret)+`}`)
	klog.Background().Info("of klog", "body", hex.EncodeToString([]byte(secret)))
	m.spans.ExportSpans(t.Context(), tracetest.SpanStubs{{Name: url.QueryEscape(secret)}}.Snapshots())
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "leaked"}, []string{"in"})
	registry := prometheus.NewRegistry()
	registry.MustRegister(gauge)
	m.metrics = append(m.metrics, registry)
	gauge.WithLabelValues(secret).Set(1)
	namespace := m.env.namespaces[0]
	m.env.create(&v1alpha1.DeepCallAccount{
		ObjectMeta: metav1.ObjectMeta{Name: "leaked", Annotations: map[string]string{"leaked": base64.StdEncoding.EncodeToString([]byte(secret))}},
		Spec:       v1alpha1.DeepCallAccountSpec{Endpoint: "https://deepcall.example", CredentialsSecretRef: v1alpha1.SecretReference{Name: "none"}},
	})
	m.env.create(&corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "leaked"}, Message: html.EscapeString(secret), Reason: "Leaked", Type: "Normal",
		InvolvedObject: corev1.ObjectReference{Kind: "Namespace", Namespace: namespace, Name: namespace},
		EventTime:      metav1.NewMicroTime(time.Now()), ReportingController: "test/test", ReportingInstance: "test", Action: "Leak",
	})
	m.waitFor("the account is watched", func() string {
		if m.env.history.accounts()[m.env.key("leaked")] == nil {
			return "not yet"
		}
		return ""
	})
	found := findCredentials(m.allSinks(t), []string{secret})
	for _, sink := range []string{"a log", "klog", "an object", "an event", "a metric", "a span"} {
		if !slices.ContainsFunc(found, func(line string) bool { return strings.Contains(line, " is in "+sink+":") }) {
			t.Errorf("a canary in %s was not found: %v", sink, found)
		}
	}
	inEtcd, _, err := findInEtcd(t.Context(), leakedMark)
	if err != nil || len(inEtcd) == 0 {
		t.Errorf("a canary in etcd was not found: %v", err)
	}
}

// Errors and panics of the client quote the server and the request, but no credential.
func TestClientErrorsRevealNoCredentials(t *testing.T) {
	user, token := newCanary(canaryMark), newCanary(canaryMark)
	credentials, err := deepcall.ParseCredentials(map[string][]byte{"userId": []byte(user), "token": []byte(token)})
	if err != nil {
		t.Fatal(err)
	}
	send := func(respond func(body string) (*http.Response, error)) error {
		client, err := deepcall.NewClient(deepcall.Config{
			Endpoint: "https://deepcall.example", Timeout: time.Minute,
			WrapTransport: func(http.RoundTripper) http.RoundTripper {
				return roundTripper(func(request *http.Request) (*http.Response, error) {
					body, err := io.ReadAll(request.Body)
					if err != nil {
						return nil, err
					}
					return respond(string(body))
				})
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.UpdateAgentGroupMapping(t.Context(), credentials, deepcall.Request{AgentID: "7", Groups: map[string]bool{"90": true}})
		return err
	}
	for _, echo := range append(escapedForms(user), escapedForms(token)...) {
		for source, err := range map[string]error{
			"an answer": send(func(string) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(echo))}, nil
			}),
			"an error": send(func(body string) (*http.Response, error) { return nil, fmt.Errorf("%s, in answer to %s", echo, body) }),
			"a panic":  send(func(body string) (*http.Response, error) { panic(echo + body) }),
		} {
			if err == nil {
				t.Fatalf("%s with %s returns no error", source, echo)
			}
			sinks := map[string]string{source: err.Error() + fmt.Sprintf("%v %+v %#v %q", err, err, err, err)}
			for _, violation := range findCredentials(sinks, []string{user, token}) {
				t.Errorf("%s, of the echo %s", violation, echo)
			}
		}
	}
	leak := map[string]string{"an error": fmt.Errorf("it is %q", token).Error()}
	if len(findCredentials(leak, []string{user, token})) == 0 {
		t.Error("a canary in an error was not found")
	}
}
