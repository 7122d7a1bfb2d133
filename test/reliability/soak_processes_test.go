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

// managerProcess is the manager's process, which is restarted whenever it exits, as the kubelet does.
type managerProcess struct {
	log  string
	done chan struct{}

	mu      sync.Mutex
	running *exec.Cmd
	started int
	stopped bool
}

func startManagerProcess(t *testing.T) *managerProcess {
	t.Helper()
	program := filepath.Join(t.TempDir(), "manager")
	if output, err := exec.Command("go", "build", "-o", program, "github.com/deepcall/deepcall-operator/cmd").CombinedOutput(); err != nil {
		t.Fatalf("build the manager: %v\n%s", err, output)
	}
	m := &managerProcess{log: filepath.Join(t.TempDir(), "log"), done: make(chan struct{})}
	log, err := os.Create(m.log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.stop(); _ = log.Close() })
	go func() {
		defer close(m.done)
		for m.start(program, log) {
			_ = m.running.Wait()
			<-time.After(200 * time.Millisecond)
		}
	}()
	return m
}

func (m *managerProcess) start(program string, log *os.File) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return false
	}
	m.running = exec.Command(program, "--kubeconfig="+controlPlane.Kubeconfig, "--allow-insecure-endpoints", "--zap-log-level=10",
		"--metrics-bind-address=0", "--health-probe-bind-address=0", "--leader-elect=false")
	m.running.Stdout, m.running.Stderr = log, log
	m.started++
	return m.running.Start() == nil
}

// kill kills the process without a graceful shutdown.
func (m *managerProcess) kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running != nil && m.running.Process != nil {
		_ = m.running.Process.Kill()
	}
}

func (m *managerProcess) stop() {
	m.mu.Lock()
	m.stopped = true
	m.mu.Unlock()
	m.kill()
	<-m.done
}

func (m *managerProcess) startCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.started
}

func (m *managerProcess) logTail() string {
	text, err := os.ReadFile(m.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// apiServerProcess is the control plane's kube-apiserver, and after a kill the next one with the same
// arguments. Etcd keeps running.
type apiServerProcess struct {
	t    *testing.T
	pid  int
	args []string
	cmd  *exec.Cmd
}

// findAPIServer finds the process among the children of this one.
func findAPIServer(t *testing.T) *apiServerProcess {
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
		s := &apiServerProcess{t: t, args: args}
		if _, err := fmt.Sscan(filepath.Base(filepath.Dir(path)), &s.pid); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if s.cmd != nil {
				s.kill()
			}
		})
		return s
	}
	t.Fatal("found no kube-apiserver among the children of this process")
	return nil
}

func (s *apiServerProcess) kill() {
	if err := syscall.Kill(s.pid, syscall.SIGKILL); err != nil {
		s.t.Errorf("kill the API server: %v", err)
	}
	if s.cmd != nil {
		_ = s.cmd.Wait()
	}
}

func (s *apiServerProcess) start() {
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start the API server: %v", err)
	}
	s.pid = s.cmd.Process.Pid
	s.waitReady()
}

func (s *apiServerProcess) waitReady() {
	var err error
	for start := time.Now(); time.Since(start) < 2*time.Minute; <-time.After(100 * time.Millisecond) {
		var namespace corev1.Namespace
		if err = k8sClient.Get(context.Background(), client.ObjectKey{Name: "default"}, &namespace); err == nil {
			return
		}
	}
	s.t.Fatalf("the API server is not ready: %v", err)
}
