//go:build long

package reliability

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// keptManager is the manager's process, which is started again whenever it ends, as a node does.
type keptManager struct {
	log  string
	gone chan struct{}

	mu      sync.Mutex
	running *exec.Cmd
	started int
	ended   bool
}

func keepManager(t *testing.T) *keptManager {
	t.Helper()
	program := filepath.Join(t.TempDir(), "manager")
	if output, err := exec.Command("go", "build", "-o", program, "github.com/deepcall/deepcall-operator/cmd").CombinedOutput(); err != nil {
		t.Fatalf("build the manager: %v\n%s", err, output)
	}
	m := &keptManager{log: filepath.Join(t.TempDir(), "log"), gone: make(chan struct{})}
	log, err := os.Create(m.log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.end(); _ = log.Close() })
	go func() {
		defer close(m.gone)
		for m.start(program, log) {
			_ = m.running.Wait()
			<-time.After(200 * time.Millisecond)
		}
	}()
	return m
}

func (m *keptManager) start(program string, log *os.File) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return false
	}
	m.running = exec.Command(program, "--kubeconfig="+plane.Kubeconfig, "--allow-insecure-endpoints", "--zap-log-level=10",
		"--metrics-bind-address=0", "--health-probe-bind-address=0", "--leader-elect=false")
	m.running.Stdout, m.running.Stderr = log, log
	m.started++
	return m.running.Start() == nil
}

// kill leaves the process no time for anything.
func (m *keptManager) kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running != nil && m.running.Process != nil {
		_ = m.running.Process.Kill()
	}
}

func (m *keptManager) end() {
	m.mu.Lock()
	m.ended = true
	m.mu.Unlock()
	m.kill()
	<-m.gone
}

func (m *keptManager) starts() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.started
}

func (m *keptManager) logsEnd() string {
	text, err := os.ReadFile(m.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// keptAPIServer is the control plane's kube-apiserver, and after a kill the next one with the same
// arguments. Etcd goes on.
type keptAPIServer struct {
	t       *testing.T
	process int
	args    []string
	next    *exec.Cmd
}

// keepAPIServer finds the process among the children of this one.
func keepAPIServer(t *testing.T) *keptAPIServer {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		line, _ := os.ReadFile(path)
		args := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
		status, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "status"))
		if filepath.Base(args[0]) != "kube-apiserver" || !strings.Contains(string(status), fmt.Sprintf("PPid:\t%d\n", os.Getpid())) {
			continue
		}
		s := &keptAPIServer{t: t, args: args}
		if _, err := fmt.Sscan(filepath.Base(filepath.Dir(path)), &s.process); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if s.next != nil {
				s.kill()
			}
		})
		return s
	}
	t.Fatal("no kube-apiserver was found among the children of this process")
	return nil
}

func (s *keptAPIServer) kill() {
	if err := syscall.Kill(s.process, syscall.SIGKILL); err != nil {
		s.t.Errorf("kill the API server: %v", err)
	}
	if s.next != nil {
		_ = s.next.Wait()
	}
}

func (s *keptAPIServer) start() {
	s.next = exec.Command(s.args[0], s.args[1:]...)
	if err := s.next.Start(); err != nil {
		s.t.Fatalf("start the API server: %v", err)
	}
	s.process = s.next.Process.Pid
	s.untilReady()
}

func (s *keptAPIServer) untilReady() {
	var err error
	for began := time.Now(); time.Since(began) < 2*time.Minute; <-time.After(100 * time.Millisecond) {
		var namespace corev1.Namespace
		if err = admin.Get(context.Background(), client.ObjectKey{Name: "default"}, &namespace); err == nil {
			return
		}
	}
	s.t.Fatalf("the API server does not come back: %v", err)
}
