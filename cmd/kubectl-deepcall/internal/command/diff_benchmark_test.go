package command

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

const (
	manyMappings = 10_000
	maxMemory    = 200 // MiB
)

// BenchmarkDiff measures kubectl deepcall diff of 10,000 mappings that all change, against an API server that serves them. The
// memory is that of a process of its own. It fails if that needs more than 200 MiB.
func BenchmarkDiff(b *testing.B) {
	if file := os.Getenv("DIFF_BENCHMARK_ARGS"); file != "" {
		b.Skip("this is the measured process")
	}
	server := httptest.NewServer(http.HandlerFunc(serveManyMappings))
	defer server.Close()
	path := filepath.Join(b.TempDir(), "mappings.yaml")
	var manifests strings.Builder
	for i := range manyMappings {
		manifests.WriteString(manifestOf(fmt.Sprintf("m%d %d 90=false 91=true 92=true", i, i)) + "---\n")
	}
	if err := os.WriteFile(path, []byte(manifests.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=TestDiffProcess")
		cmd.Env = append(os.Environ(), "DIFF_BENCHMARK_ARGS=diff -f "+path+" -s "+server.URL+" -o json", "KUBECACHEDIR="+b.TempDir(), "KUBECONFIG="+b.TempDir()+"/none")
		cmd.Stdout, cmd.Stderr = io.Discard, os.Stderr
		if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 1 {
			b.Fatalf("got status %d, want 1: %v", cmd.ProcessState.ExitCode(), err)
		}
		memory := float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) / 1024
		if memory > maxMemory {
			b.Errorf("the process needs %.0f MiB", memory)
		}
		b.ReportMetric(memory, "MiB")
		b.ReportMetric((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), "cpu-s")
	}
}

// TestDiffProcess is the process that BenchmarkDiff measures.
func TestDiffProcess(t *testing.T) {
	args := os.Getenv("DIFF_BENCHMARK_ARGS")
	if args == "" {
		t.Skip("only for BenchmarkDiff")
	}
	os.Exit(Run(strings.Fields(args), Build{}, strings.NewReader(""), os.Stdout, os.Stderr))
}

// serveManyMappings is an API server with many mappings that are synced, in pages.
func serveManyMappings(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	resource := func(name, kind string) string {
		return fmt.Sprintf(`{"name": %q, "singularName": %q, "kind": %q, "namespaced": true, "verbs": ["get", "list"]}`, name, strings.ToLower(kind), kind)
	}
	switch path := r.URL.Path; {
	case path == "/api":
		_, _ = io.WriteString(w, `{"kind":"APIVersions","versions":["v1"]}`)
	case path == "/apis":
		_, _ = io.WriteString(w, `{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"telephony.deepcall.com","versions":[
			{"groupVersion":"telephony.deepcall.com/v1alpha1","version":"v1alpha1"}],"preferredVersion":{"groupVersion":"telephony.deepcall.com/v1alpha1","version":"v1alpha1"}}]}`)
	case path == "/apis/telephony.deepcall.com/v1alpha1":
		_, _ = io.WriteString(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"telephony.deepcall.com/v1alpha1","resources":[`+
			resource("agentgroupmappings", "AgentGroupMapping")+","+resource("deepcallaccounts", "DeepCallAccount")+`]}`)
	case strings.HasSuffix(path, "/deepcallaccounts"):
		account := v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "acme", UID: "acme"}}
		account.Spec.Endpoint = "https://v4-api.deepcall.com"
		list := v1alpha1.DeepCallAccountList{Items: []v1alpha1.DeepCallAccount{account}}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("DeepCallAccountList"))
		_ = json.NewEncoder(w).Encode(list)
	case strings.HasSuffix(path, "/agentgroupmappings"):
		var from int
		_, _ = fmt.Sscan(r.URL.Query().Get("continue"), &from)
		var list v1alpha1.AgentGroupMappingList
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AgentGroupMappingList"))
		for i := from; i < min(from+chunkSize, manyMappings); i++ {
			list.Items = append(list.Items, syncedMapping(i))
		}
		if next := from + chunkSize; next < manyMappings {
			list.Continue = fmt.Sprint(next)
		}
		_ = json.NewEncoder(w).Encode(list)
	default:
		_, _ = io.WriteString(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"v1","resources":[]}`)
	}
}

func syncedMapping(i int) v1alpha1.AgentGroupMapping {
	groups := []v1alpha1.AgentGroup{{GroupID: "90", ReceiveCall: true}, {GroupID: "91", ReceiveCall: true}, {GroupID: "93", ReceiveCall: false}}
	at := metav1.NewMicroTime(time.Now().Add(-time.Minute))
	m := v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{
		Namespace: "default", Name: fmt.Sprintf("m%d", i), UID: types.UID(fmt.Sprint("uid-", i)), Generation: 1,
		Finalizers: []string{v1alpha1.StopCallsFinalizer},
	}}
	m.Spec = v1alpha1.AgentGroupMappingSpec{AccountRef: v1alpha1.AccountReference{Name: "acme"}, AgentID: fmt.Sprint(i), Groups: groups, RemovalPolicy: v1alpha1.RemovalPolicyStopCalls}
	m.Status = v1alpha1.AgentGroupMappingStatus{
		ObservedGeneration: 1, ObservedUID: string(m.UID), AppliedGroups: groups, AppliedEndpoint: "https://v4-api.deepcall.com", LastSyncTime: &at,
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSynced, ObservedGeneration: 1}},
	}
	return m
}
