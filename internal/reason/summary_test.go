package reason

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

const writesRejected = "The API server rejects the operator's writes of this mapping; allow them, for example in an admission policy. The API server's message: "

func TestSummaries(t *testing.T) {
	acme := types.NamespacedName{Namespace: "support", Name: "acme"}
	failure := &deepcall.Error{Entry: deepcall.Entry{Reason: "ServerError", Message: "DeepCall answered HTTP 500", Remedy: "The owner checks it."}}
	eleven := strings.Split("90 91 92 93 94 95 96 97 98 99 100", " ")
	inConfigMap := v1alpha1.CABundleReference{Kind: v1alpha1.CABundleKindConfigMap, Name: "corp-ca", Key: "ca.crt"}
	inSecret := v1alpha1.CABundleReference{Kind: v1alpha1.CABundleKindSecret, Name: "corp-ca", Key: "tls.ca"}
	summaries := map[Summary]Summary{
		Synced():                      {"Synced", "DeepCall confirmed the declared groups"},
		NothingToSend():               {"Synced", "No groups are declared, and none are left to remove"},
		Conflict([]string{"90"}):      {"Conflict", "Another mapping of this agent owns group 90; declare each group in one mapping only"},
		Conflict([]string{"90", "7"}): {"Conflict", "Another mapping of this agent owns groups 90, 7; declare each group in one mapping only"},
		Conflict(eleven):              {"Conflict", "Another mapping of this agent owns groups 90, 91, 92, 93, 94, 95, 96, 97, 98, 99 and 1 more; declare each group in one mapping only"},
		Suspended():                   {"Suspended", "The mapping is suspended and its spec differs from what DeepCall last confirmed; set spec.suspend to false to send it"},
		AccountNotFound("acme"):       {"AccountNotFound", `There is no DeepCallAccount "acme" in this namespace; create it, or make a new mapping with the right spec.accountRef`},
		AccountNotPermitted(): {"AccountNotPermitted", "The account does not exist, or does not allow mappings of this namespace; " +
			"ask its owner to allow the namespace in spec.allowedNamespaces, or make a new mapping with the right spec.accountRef"},
		AccountNotReady(acme, "support"): {"AccountNotReady", `The DeepCallAccount "acme" can't be used now; kubectl describe dca acme shows the reason`},
		AccountNotReady(acme, "sales"):   {"AccountNotReady", `The DeepCallAccount "acme" can't be used now; kubectl describe dca acme -n support shows the reason`},
		WriteRejected("it is\nfrozen"):   {"WriteRejected", writesRejected + "it is frozen"},
		RemovalAbandoned("7", []string{"90"}): {"RemovalAbandoned", "Agent 7 can still receive calls of group 90: a mapping was released without a request to DeepCall, " +
			"since its namespace was deleted and the account's credentials are gone; remove the agent from these groups in DeepCall"},
		SecondOperator(): {"SecondOperator", "Another installation of the operator writes this status, too, and sends requests for the same mappings; " +
			"uninstall one of the two, or let them watch different namespaces"},

		Paused(): {"Paused", "DeepCall asked to wait; no request is sent with the account until then"},
		Terminating(""): {"Terminating", "The account is being deleted and waits for the mappings that use it (status.mappings); " +
			"delete them, or set their spec.removalPolicy to Orphan"},
		Terminating("It is empty"): {"Terminating", "The account is being deleted and waits for the mappings that use it (status.mappings); " +
			"delete them, or set their spec.removalPolicy to Orphan. No request can be sent now: It is empty"},
		Untried(): {"Untried", "DeepCall has not accepted a request with these credentials yet"},
		Usable():  {"Usable", "DeepCall accepts the account's requests"},
		Unreachable(failure): {"Unreachable", "DeepCall failed to answer several requests in a row; the operator retries with one request at a time. " +
			"The first failure: DeepCall answered HTTP 500. The owner checks it"},
		SecretNotFound("acme-deepcall"):                                       {"SecretNotFound", `There is no Secret "acme-deepcall" in this namespace; create it with userId and token, or with ssid`},
		SecretForbidden():                                                     {"SecretForbidden", "The operator is not allowed to read Secrets in this namespace; allow its ServiceAccount to get, list and watch secrets here"},
		InvalidCredentials("acme-deepcall", "has no <name>"):                  {"InvalidCredentials", `The Secret "acme-deepcall" has no <name>`},
		InvalidEndpoint("must begin with https://"):                           {"InvalidEndpoint", "spec.endpoint must begin with https://"},
		InvalidCABundle(v1alpha1.CABundleReference{}, "holds no certificate"): {"InvalidCABundle", "spec.caBundle holds no certificate"},
		InvalidCABundle(inSecret, "holds no certificate"):                     {"InvalidCABundle", `The CA bundle in the key "tls.ca" of the Secret "corp-ca" holds no certificate`},
		CABundleNotFound(inConfigMap, false): {"CABundleNotFound", `There is no CA bundle in the key "ca.crt" of the ConfigMap "corp-ca": ` +
			"the ConfigMap does not exist in this namespace; add the CA's certificates in PEM form, or correct spec.caBundleRef"},
		CABundleNotFound(inSecret, true): {"CABundleNotFound", `There is no CA bundle in the key "tls.ca" of the Secret "corp-ca": ` +
			"the key does not exist, or is empty; add the CA's certificates in PEM form, or correct spec.caBundleRef"},
		CABundleForbidden(v1alpha1.CABundleKindConfigMap): {"CABundleForbidden", "The operator is not allowed to read ConfigMaps; " +
			"allow its ServiceAccount to get, list and watch configmaps in every namespace that it watches"},
		InvalidSelector("no such operator"):       {"InvalidSelector", "spec.allowedNamespaces.selector: no such operator"},
		InvalidSelector(strings.Repeat("ü", 300)): {"InvalidSelector", "spec.allowedNamespaces.selector: " + strings.Repeat("ü", 256)},
		SelectorNotSupported():                    {"SelectorNotSupported", "spec.allowedNamespaces.from Selector needs an operator that watches all namespaces; use Same or All"},
		NamespaceUnreadable():                     {"NamespaceUnreadable", "The operator can't read one of the namespaces that it watches, and mappings there could use this account"},

		DuplicateAccount([]string{"b"}):                     {"DuplicateAccount", `This account shares its endpoint and user with "b"; they overwrite each other's groups, so move all mappings to one of them, and suspend the others' before you delete them`},
		DuplicateAccount([]string{"b", "c", "d", "e", "f"}): {"DuplicateAccount", `This account shares its endpoint and user with "b", "c", "d" and others; they overwrite each other's groups, so move all mappings to one of them, and suspend the others' before you delete them`},
		DuplicateAccountElsewhere():                         {"DuplicateAccount", `This account shares its endpoint and user with accounts of other namespaces; they overwrite each other's groups, so move all mappings to one of them, and suspend the others' before you delete them`},
		FromError(failure):                                  {"ServerError", "DeepCall answered HTTP 500"},
	}
	for got, want := range summaries {
		expect(t, want.Reason, got, want)
	}
	for reason := range wantOperatorReasons {
		found := reason == Pending || reason == Deleting
		for summary := range summaries {
			found = found || summary.Reason == reason
		}
		if !found {
			t.Errorf("no summary has the reason %s", reason)
		}
	}
}

// A condition message over 32 KiB fails the write of the status, and an event's note has at most 1024 bytes.
func TestWriteRejected_bounds_the_message(t *testing.T) {
	for _, message := range []string{strings.Repeat("ü", 100_000), strings.Repeat("x\xff", 50_000)} {
		got := WriteRejected(message).Message
		if len(got) > 1024 || !utf8.ValidString(got) || !strings.HasSuffix(got, "...") {
			t.Errorf("%d bytes: %q", len(got), got)
		}
	}
}

func TestRemovalAbandoned_fits_into_an_event(t *testing.T) {
	id := strings.Repeat("9", 64)
	if got := RemovalAbandoned(id, slices.Repeat([]string{id}, 1000)).Message; len(got) > 1024 {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func TestSummary_Stable(t *testing.T) {
	of := func(message string) Summary { return Summary{"WriteRejected", message} }
	const former = `version 41 of "0b0f1d3e-7a52-4a5e-9c1e-3b6a1f0d2c4b" denied by policy-2 at 2026-11-29T19:32:28.5Z after 0.25s`
	for name, test := range map[string]struct {
		now   Summary
		stays bool
	}{
		"keeps the same message":                       {of(former), true},
		"keeps it for other numbers, UIDs and times":   {of(`version 1042 of "ffffffff-7a52-4a5e-9c1e-3b6a1f0d2c4b" denied by policy-2 at 2027-01-01T00:00:00+01:00 after 12s`), true},
		"replaces it for another name with a number":   {of(strings.ReplaceAll(former, "policy-2", "policy-3")), false},
		"replaces it for another text":                 {of("a quota is exceeded"), false},
		"replaces it for the same of another reason":   {Summary{"Timeout", former}, false},
		"replaces it if nothing but a number was left": {of(""), false},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			want := test.now
			if test.stays {
				want = of(former)
			}
			expect(t, "summary", test.now.Stable(of(former)), want)
		})
	}
}

func TestUnreachable_names_the_cause_of_a_failed_connection(t *testing.T) {
	client, err := deepcall.NewClient(deepcall.Config{
		Endpoint: "https://deepcall.invalid",
		WrapTransport: func(http.RoundTripper) http.RoundTripper {
			return roundTripper(func(*http.Request) (*http.Response, error) {
				return nil, &net.DNSError{Err: "quoted", Name: "quoted", IsNotFound: true}
			})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.UpdateAgentGroupMapping(t.Context(), deepcall.Credentials{}, deepcall.Request{})
	var failure *deepcall.Error
	if !errors.As(err, &failure) {
		t.Fatal(err)
	}
	expect(t, "of an account", Unreachable(failure), Summary{"Unreachable", "DeepCall failed to answer several requests in a row; " +
		"the operator retries with one request at a time. The first failure: DNS does not resolve the host name of the account's endpoint; " +
		"check spec.endpoint of the account, and the cluster's DNS: no such host. The account's owner checks spec.endpoint, " +
		"and the cluster's administrator the network path to it (DNS, proxy, firewall, network policy)"})
	expect(t, "of a mapping, without the cause, which can alternate", FromError(failure),
		Summary{"ConnectionFailed", "DNS does not resolve the host name of the account's endpoint; check spec.endpoint of the account, and the cluster's DNS"})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

func TestSummary_BlocksDeletion_adds_its_note_once(t *testing.T) {
	want := Summary{"Synced", "DeepCall confirmed the declared groups. The deletion waits until DeepCall confirms that the agent's calls are stopped; " +
		"to delete without that, set spec.removalPolicy to Orphan"}
	expect(t, "once", Synced().BlocksDeletion(), want)
	expect(t, "twice", Synced().BlocksDeletion().BlocksDeletion(), want)
}
