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

func quoted(text string) string {
	out, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// echoes are the ways in which a server may quote a credential back.
func echoes(secret string) []string {
	return []string{
		secret, quoted(secret), quoted(quoted(secret)), strconv.Quote(secret), strconv.QuoteToASCII(secret),
		url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret),
		hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.URLEncoding.EncodeToString([]byte("x" + secret)),
		base64.RawStdEncoding.EncodeToString([]byte("user:" + secret)),
	}
}

// A manager to which everything happens that has to do with credentials, at the highest verbosity of all
// who log, lets none of them out.
func TestNoCredentialGetsOut(t *testing.T) {
	p := newStage(t, story{})
	m := tap(t, p)
	m.do("asha is synced", m.is("asha", readySynced), operation{Do: "apply", On: "asha", To: groupsOfTurn(3)})

	secrets := []string{p.tokens["acme"], p.users["acme"]}
	for i, echo := range append(echoes(secrets[0]), echoes(secrets[1])...) {
		for _, body := range []string{
			`{"status":"error","code":1505,"message":` + quoted("what is "+echo+"?") + `}`, // for the status
			`{"status":"success","code":200,"message":` + quoted(echo) + `}`,
		} {
			p.deepCalls[here].Script(deepcalltest.Body([]byte(body)).ForAgent("7"))
		}
		m.do("the echo is refused", m.is("asha", "Ready=False InvalidGroupData Stalled"), operation{Do: "apply", On: "asha", To: groupsOfTurn(2 * i)})
		m.do("the echo is accepted", m.is("asha", readySynced), operation{Do: "apply", On: "asha", To: groupsOfTurn(2*i + 1)})
	}
	p.deepCalls[here].Script(deepcalltest.Body([]byte(secrets[0] + " is no JSON")).ForAgent("7")) // for the log
	m.do("the unreadable echo is over", m.is("asha", readySynced), operation{Do: "apply", On: "asha", To: "90=N 92=Y"})
	for _, state := range []struct{ secret, reason string }{
		{"half", "InvalidCredentials"}, {"both", "InvalidCredentials"}, {"gone", "SecretNotFound"}, {"wrong", "Untried"},
	} {
		m.do("the account says so", m.accountIs("acme", state.reason), operation{Do: "secret", On: "acme", To: state.secret})
	}
	// With the wrong credentials: DeepCall refuses them, and is asked again once they are right.
	m.do("the wrong token is refused", m.accountIs("acme", "InvalidToken"), operation{Do: "apply", On: "asha", To: "90=Y 92=N"})
	m.do("asha is synced", m.is("asha", readySynced), operation{Do: "rotate", On: "acme", To: "deepcall"})
	for _, fault := range []string{"cut-after", "hang", "500"} {
		m.do("asha is synced", m.is("asha", readySynced),
			operation{Do: "fault", On: "7", To: fault, Times: 1}, operation{Do: "flip", On: "asha", To: "90"})
	}
	m.stop()
	m.start(t)
	m.do("asha is gone", func() string {
		if p.mapping("asha") != nil {
			return "it is not"
		}
		return ""
	}, operation{Do: "move", On: "acme", To: there}, operation{Do: "delete", On: "asha"})
	m.stop()

	sinks := m.everything(t)
	for what, is := range map[string]bool{
		"bodies are logged":    strings.Contains(sinks["a log"], "Response Body"),
		"watches are logged":   strings.Contains(sinks["a log"], "Secret"),
		"events are told":      strings.Contains(sinks["an event"], "InvalidGroupData"),
		"echoes are in status": strings.Contains(sinks["an object"], "what is [redacted]?"),
		"calls are counted":    strings.Contains(sinks["a metric"], `account="acme"`),
		"calls have spans":     strings.Contains(sinks["a span"], "updateAgentGroupMapping"),
	} {
		if !is {
			t.Errorf("the test does not see what it should look at: that %s", what)
		}
	}
	for _, broken := range revealed(sinks, p.secrets) {
		t.Error(broken)
	}
	m.plant(t)
}

// groupsOfTurn are the same groups in each turn, with other values than in the three turns before.
func groupsOfTurn(n int) string {
	value := func(on bool) string { return map[bool]string{true: "Y", false: "N"}[on] }
	return "90=" + value(n&1 != 0) + " 91=" + value(n&2 != 0)
}

// plant puts a canary into every sink, as a defect would, and expects that it is found there.
func (m *tapped) plant(t *testing.T) {
	t.Helper()
	secret := newCanary(plantedMark)
	m.w.log.logger(1).V(10).Info("a log line", "body", `{"token":`+quoted(secret)+`}`)
	klog.Background().Info("of klog", "body", hex.EncodeToString([]byte(secret)))
	m.spans.ExportSpans(t.Context(), tracetest.SpanStubs{{Name: url.QueryEscape(secret)}}.Snapshots())
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "planted"}, []string{"in"})
	planted := prometheus.NewRegistry()
	planted.MustRegister(gauge)
	m.metrics = append(m.metrics, planted)
	gauge.WithLabelValues(secret).Set(1)
	namespace := m.w.namespaces[0]
	m.w.create(&v1alpha1.DeepCallAccount{
		ObjectMeta: metav1.ObjectMeta{Name: "planted", Annotations: map[string]string{"planted": base64.StdEncoding.EncodeToString([]byte(secret))}},
		Spec:       v1alpha1.DeepCallAccountSpec{Endpoint: "https://deepcall.example", CredentialsSecretRef: v1alpha1.SecretReference{Name: "none"}},
	})
	m.w.create(&corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "planted"}, Message: html.EscapeString(secret), Reason: "Planted", Type: "Normal",
		InvolvedObject: corev1.ObjectReference{Kind: "Namespace", Namespace: namespace, Name: namespace},
		EventTime:      metav1.NewMicroTime(time.Now()), ReportingController: "test/test", ReportingInstance: "test", Action: "Plant",
	})
	m.until("the watch tells of it", func() string {
		if m.w.history.accounts()[m.w.key("planted")] == nil {
			return "not yet"
		}
		return ""
	})
	found := revealed(m.everything(t), []string{secret})
	for _, sink := range []string{"a log", "klog", "an object", "an event", "a metric", "a span"} {
		if !slices.ContainsFunc(found, func(line string) bool { return strings.Contains(line, " is in "+sink+":") }) {
			t.Errorf("planted in %s, and not found: %v", sink, found)
		}
	}
	inThere, _, err := inEtcd(t.Context(), plantedMark)
	if err != nil || len(inThere) == 0 {
		t.Errorf("planted in an object, and not found in etcd: %v", err)
	}
}

// Errors and panics of the client quote the server and the request, but no credential.
func TestNoErrorOrPanicHoldsACredential(t *testing.T) {
	user, token := newCanary(canaryMark), newCanary(canaryMark)
	credentials, err := deepcall.ParseCredentials(map[string][]byte{"userId": []byte(user), "token": []byte(token)})
	if err != nil {
		t.Fatal(err)
	}
	call := func(behave func(body string) (*http.Response, error)) error {
		client, err := deepcall.NewClient(deepcall.Config{
			Endpoint: "https://deepcall.example", Timeout: time.Minute,
			WrapTransport: func(http.RoundTripper) http.RoundTripper {
				return roundTripper(func(request *http.Request) (*http.Response, error) {
					body, err := io.ReadAll(request.Body)
					if err != nil {
						return nil, err
					}
					return behave(string(body))
				})
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.UpdateAgentGroupMapping(t.Context(), credentials, deepcall.Request{AgentID: "7", Groups: map[string]bool{"90": true}})
		return err
	}
	for _, echo := range append(echoes(user), echoes(token)...) {
		for what, failure := range map[string]error{
			"an answer": call(func(string) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(echo))}, nil
			}),
			"an error": call(func(body string) (*http.Response, error) { return nil, fmt.Errorf("%s, in answer to %s", echo, body) }),
			"a panic":  call(func(body string) (*http.Response, error) { panic(echo + body) }),
		} {
			if failure == nil {
				t.Fatalf("%s with %s is no failure", what, echo)
			}
			sinks := map[string]string{what: failure.Error() + fmt.Sprintf("%v %+v %#v %q", failure, failure, failure, failure)}
			for _, broken := range revealed(sinks, []string{user, token}) {
				t.Errorf("%s, of the echo %s", broken, echo)
			}
		}
	}
	planted := map[string]string{"an error": fmt.Errorf("it is %q", token).Error()}
	if len(revealed(planted, []string{user, token})) == 0 {
		t.Error("planted in an error, and not found")
	}
}
