package command

import (
	"fmt"
	"io"
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
	cluster := &fakeCluster{accounts: []v1alpha1.DeepCallAccount{acmeIn("default")}}
	path := filepath.Join(b.TempDir(), "mappings.yaml")
	var manifests strings.Builder
	for i := range manyMappings {
		cluster.mappings = append(cluster.mappings, syncedMapping(i))
		manifests.WriteString(manifestOf(fmt.Sprintf("m%d %d 90=false 91=true 92=true", i, i)) + "---\n")
	}
	if err := os.WriteFile(path, []byte(manifests.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	server := cluster.start(b)
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=TestDiffProcess")
		cmd.Env = append(os.Environ(), "DIFF_BENCHMARK_ARGS=diff -f "+path+" -s "+server+" -o json", "KUBECACHEDIR="+b.TempDir(), "KUBECONFIG="+b.TempDir()+"/none")
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
