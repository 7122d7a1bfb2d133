package guides

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// notRun are the blocks that nobody can run here: a line of each, and why.
var notRun = map[string]map[string]string{
	"README.md": {
		"make demo   # see it work: a control plane, a simulated DeepCall, the operator, kubectl": "make test would run itself",
		"kubectl apply -k config/default": "test/kustomize runs it as docs/install-kustomize.md shows it",
		"helm install deepcall-operator config/chart --namespace deepcall-operator-system --create-namespace": "test/chart runs it as docs/install-helm.md shows it",
		"make run":                         "it goes on until Ctrl-C",
		"kubectl apply -k config/samples":  "the samples name DeepCall's own address",
		"kubectl delete -k config/samples": "goes with the block before",
	},
	"docs/how-to/pause.md": {
		"kubectl scale deployment/deepcall-operator-controller-manager -n deepcall-operator-system --replicas=0": "no Pods run here",
		"kubectl scale deployment/deepcall-operator-controller-manager -n deepcall-operator-system --replicas=1": "no Pods run here",
	},
	"docs/how-to/upgrade.md": {
		"kubectl rollout status deployment/deepcall-operator-controller-manager -n deepcall-operator-system": "no Pods run here",
		"helm rollback deepcall-operator -n deepcall-operator-system":                                        "test/chart runs it as docs/install-helm.md shows it",
	},
	"docs/how-to/uninstall.md": {
		"helm uninstall deepcall-operator -n deepcall-operator-system":                         "test/chart runs it as docs/install-helm.md shows it",
		`kubectl patch agm asha -n support --type=merge -p '{"metadata":{"finalizers":null}}'`: "for when the operator is gone",
	},
	"docs/gitops.md": {
		"kubectl apply -f config/flux/sync.yaml": "Flux is not here; test/flux holds what the file says",
	},
	"docs/alerts.md": {
		`kubectl logs -n deepcall-operator-system -l app.kubernetes.io/name=deepcall-operator --tail=-1 | grep "released without stopping calls"`: "no Pods run here",
	},
}

func TestTheTutorialHappensAsItTells(t *testing.T) {
	t.Parallel()
	follow(t, newTerminal(t), "docs/tutorial.md")
}

// before is what the reader of a how-to page has: the account acme, and agent 7 in two groups.
const before = `
kubectl delete agm,dca,secrets --all
curl -sf -X POST "$DEEPCALL/_sim/reset"
kubectl apply -f - <<END
apiVersion: v1
kind: Secret
metadata: {name: acme-deepcall}
stringData: {userId: "1001", token: s3cr3t}
---
apiVersion: telephony.deepcall.com/v1alpha1
kind: DeepCallAccount
metadata: {name: acme}
spec: {endpoint: "$DEEPCALL", credentialsSecretRef: {name: acme-deepcall}}
---
apiVersion: telephony.deepcall.com/v1alpha1
kind: AgentGroupMapping
metadata: {name: asha}
spec:
  accountRef: {name: acme}
  agentID: "7"
  groups: [{groupID: "90", receiveCall: true}, {groupID: "91", receiveCall: false}]
END
kubectl wait agm/asha --for=condition=Ready --timeout=60s
`

// newToken has DeepCall take what docs/how-to/rotate-credentials.md changes to.
const newToken = before + `
curl -sf -X PUT "$DEEPCALL/_sim/accounts" -d '{"userId":"1001","token":"n3w","sessions":["s3ss10n"]}'
`

// samples are what the demo has, whose output README.md shows.
const samples = `
sed "s|https://v4-api.deepcall.com|$DEEPCALL|" config/samples/account.yaml > account.yaml
cp config/samples/mapping.yaml .
`

// installed is what kubectl apply -k config/default leaves, but for its Pods, and a troubled team: ben is refused, and
// carl claims a group of asha's.
const installed = before + `
kubectl apply -k "$(readlink config)/default"
kubectl apply -f - <<END
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: deepcall-operator.telephony.deepcall.com, namespace: deepcall-operator-system}
---
apiVersion: telephony.deepcall.com/v1alpha1
kind: AgentGroupMapping
metadata: {name: ben}
spec:
  accountRef: {name: acme}
  agentID: "7"
  groups: [{groupID: "99", receiveCall: true}]
---
apiVersion: telephony.deepcall.com/v1alpha1
kind: AgentGroupMapping
metadata: {name: carl}
spec:
  accountRef: {name: acme}
  agentID: "7"
  groups: [{groupID: "90", receiveCall: false}]
END
kubectl wait agm/ben agm/carl --for=condition=Stalled --timeout=60s
kubectl create namespace argocd
kubectl create configmap argocd-cm -n argocd
`

func TestTheOtherGuidesHappenAsTheyTell(t *testing.T) {
	t.Parallel()
	pages := []struct{ page, before string }{
		{"README.md", samples},
		{"docs/how-to/rotate-credentials.md", newToken},
		{"docs/how-to/share-an-agent.md", before},
		{"docs/how-to/move-agents.md", "true"}, // goes on where the page before ends
		{"docs/how-to/pause.md", "kubectl delete agm --all -n sales\n" + before},
		{"docs/how-to/upgrade.md", before},
		{"docs/alerts.md", installed},
		{"docs/gitops.md", "true"}, // these take what is there by now
		{"docs/metrics.md", "true"},
		{"docs/tracing.md", "true"},
		{"docs/how-to/uninstall.md", before}, // takes the kinds away
	}
	howTos, err := filepath.Glob(filepath.Join(testenv.Root(), "docs", "how-to", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, howTo := range howTos {
		name := "docs/how-to/" + filepath.Base(howTo)
		if !slices.ContainsFunc(pages, func(p struct{ page, before string }) bool { return p.page == name }) {
			t.Errorf("%s is not tried", name)
		}
	}
	reader := newTerminal(t)
	reader.does(t, "make playground; source bin/playground/env")
	for _, each := range pages {
		t.Run(each.page, func(t *testing.T) {
			reader.does(t, each.before)
			follow(t, reader, each.page)
		})
	}
}

// follow runs all commands of a page, in its order.
func follow(t *testing.T, reader *terminal, page string) {
	t.Helper()
	left := map[string]bool{}
	for line := range notRun[page] {
		left[line] = true
	}
	for _, block := range testenv.Blocks(t, page, "sh", "console") {
		if line := listed(page, block); line != "" {
			delete(left, line)
			continue
		}
		if block.Language == "sh" {
			reader.does(t, block.Text)
			continue
		}
		for _, shown := range block.Shown() {
			reader.sees(t, shown.Command+besides(shown.Output), shown.Output)
		}
	}
	for line := range left {
		t.Errorf("%s has no block with %q any more, which is listed as not run: %s", page, line, notRun[page][line])
	}
}

func listed(page string, block testenv.Block) string {
	for line := range strings.Lines(block.Text) {
		line = strings.TrimSuffix(line, "\n")
		if _, is := notRun[page][line]; is {
			return line
		}
	}
	return ""
}

// besides prints what the demo tells of DeepCall behind a command's own output, where a page shows it.
func besides(shown string) string {
	if !strings.Contains(shown, "  DeepCall received: ") {
		return ""
	}
	return `
echo "  DeepCall received: $(tail -n 1 bin/playground/simulator.log)"
echo "  DeepCall has: agent 7  $(curl -s "$DEEPCALL/_sim/agents/7?format=text" | sed -n '2s|.*/[0-9]*  *||p')"
`
}

var comments = regexp.MustCompile(`(?m)^#.*\n`)

func TestTheFirstExampleIsTheSamples(t *testing.T) {
	var shown []string
	for _, block := range testenv.Blocks(t, "README.md", "yaml") {
		shown = append(shown, block.Text)
	}
	var samples []string
	for _, name := range []string{"account.yaml", "mapping.yaml"} {
		content, err := os.ReadFile(filepath.Join(testenv.Root(), "config", "samples", name))
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, comments.ReplaceAllString(string(content), ""))
	}
	if !slices.Equal(shown, samples) {
		t.Errorf("README.md shows %q, and config/samples has %q", shown, samples)
	}
}
