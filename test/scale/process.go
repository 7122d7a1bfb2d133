package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// stopTimeout exceeds the manager's graceful shutdown timeout.
const stopTimeout = 45 * time.Second

// process is a running floor or manager.
type process struct {
	command *exec.Cmd
	started time.Time
	log     string
	exited  chan struct{}
	err     error
	stdin   io.Closer // stops a floor when closed
	// The addresses of a manager.
	probes, pprof string
}

func (b *bench) startFloor(ctx context.Context) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the executable: %w", err)
	}
	p := &process{command: exec.CommandContext(ctx, self, "floor", "--kubeconfig="+b.kubeconfig,
		"--endpoint="+b.deepcall.url, "--writes="+b.Writes, fmt.Sprintf("--workers=%d", b.Workers))}
	if p.stdin, err = p.command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("create the floor's stdin: %w", err)
	}
	return p, b.launch(p, "floor")
}

// startManager starts the manager with leader election, as in config/default.
func (b *bench) startManager(ctx context.Context) (*process, error) {
	p := &process{}
	flags := []string{
		"--kubeconfig=" + b.kubeconfig, "--allow-insecure-endpoints",
		"--leader-elect", "--leader-election-namespace=" + managerNamespace,
		fmt.Sprintf("--max-concurrent-reconciles=%d", b.Workers), "--metrics-bind-address=0",
	}
	addresses := map[string]*string{"--health-probe-bind-address=": &p.probes}
	if b.pprof != "" {
		addresses[pprofFlag+"="] = &p.pprof
	}
	for name, address := range addresses {
		free, err := testenv.FreeAddress()
		if err != nil {
			return nil, err
		}
		*address = free
		flags = append(flags, name+free)
	}
	p.command = exec.CommandContext(ctx, b.manager, flags...)
	return p, b.launch(p, "manager")
}

func (b *bench) launch(p *process, name string) error {
	b.logs++
	p.log = filepath.Join(b.dir, fmt.Sprintf("%s-%d.log", name, b.logs))
	log, err := os.Create(p.log)
	if err != nil {
		return fmt.Errorf("create a log: %w", err)
	}
	defer log.Close()
	p.command.Stdout, p.command.Stderr = log, log
	p.exited = make(chan struct{})
	p.started = time.Now()
	if err := p.command.Start(); err != nil {
		return fmt.Errorf("start the %s: %w", name, err)
	}
	go func() {
		p.err = p.command.Wait()
		close(p.exited)
	}()
	return nil
}

// stop stops the process as Kubernetes does. It fails if the process doesn't exit with 0.
func (p *process) stop() error {
	if p.stdin != nil {
		_ = p.stdin.Close() // fails if the floor has exited
	} else if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the process: %w", err)
	}
	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	select {
	case <-p.exited:
	case <-timeout.C:
		_ = p.command.Process.Kill()
		<-p.exited
		return fmt.Errorf("the process did not exit within %s; %s", stopTimeout, p.logTail())
	}
	if p.err != nil {
		return fmt.Errorf("the process failed: %w; %s", p.err, p.logTail())
	}
	return nil
}

// checkRunning returns an error if the process has exited.
func (p *process) checkRunning() error {
	select {
	case <-p.exited:
		return fmt.Errorf("the process exited early (%v)", p.command.ProcessState)
	default:
		return nil
	}
}

// logTail returns the end of the log.
func (p *process) logTail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return "end of its log:\n" + string(text[max(0, len(text)-2000):])
}

// waitUntilReady waits for the readiness probe of a manager.
func (p *process) waitUntilReady(ctx context.Context) error {
	err := wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, stallTimeout, true, func(ctx context.Context) (bool, error) {
		_, err := fetch(ctx, http.DefaultClient, "http://"+p.probes+"/readyz")
		return err == nil, p.checkRunning()
	})
	if err != nil {
		return fmt.Errorf("the manager is not ready: %w; %s", err, p.logTail())
	}
	return nil
}

// fetch returns the body of a successful response.
func fetch(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", url, err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", url, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", url, err)
	}
	return text, nil
}
