package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopsWithin is more than the manager's graceful shutdown takes.
const stopsWithin = 45 * time.Second

// process is a floor or a manager.
type process struct {
	command *exec.Cmd
	started time.Time
	log     string
	exited  chan struct{}
	err     error
	stdin   io.Closer // ends a floor
	// The manager's addresses.
	probes, metrics, pprof string
}

// startFloor starts the plain loop.
func (b *bench) startFloor(ctx context.Context) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	p := &process{command: exec.CommandContext(ctx, self, "floor", "--kubeconfig="+b.kubeconfig,
		"--endpoint="+b.deepcall.url, fmt.Sprintf("--workers=%d", b.Workers))}
	if p.stdin, err = p.command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("make the floor's input: %w", err)
	}
	return p, b.launch(p, "floor")
}

// startManager starts the manager as it is deployed.
func (b *bench) startManager(ctx context.Context) (*process, error) {
	p := &process{}
	flags := []string{
		"--kubeconfig=" + b.kubeconfig, "--allow-insecure-endpoints",
		"--leader-elect", "--leader-election-namespace=" + managerNamespace,
		fmt.Sprintf("--max-concurrent-reconciles=%d", b.Workers), "--metrics-secure=false",
	}
	addresses := map[string]*string{"--health-probe-bind-address=": &p.probes, "--metrics-bind-address=": &p.metrics}
	if b.pprof != "" {
		addresses[pprofFlag+"="] = &p.pprof
	}
	for name, address := range addresses {
		free, err := freeAddress()
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
		return fmt.Errorf("make a log: %w", err)
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

// stop ends the process as Kubernetes does, and expects that it ends well.
func (p *process) stop() error {
	if p.stdin != nil {
		_ = p.stdin.Close() // fails if the floor ended already
	} else if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop a process: %w", err)
	}
	late := time.NewTimer(stopsWithin)
	defer late.Stop()
	select {
	case <-p.exited:
	case <-late.C:
		_ = p.command.Process.Kill()
		<-p.exited
		return fmt.Errorf("a process did not end within %s; %s", stopsWithin, p.lastWords())
	}
	if p.err != nil {
		return fmt.Errorf("a process ended badly: %w; %s", p.err, p.lastWords())
	}
	return nil
}

// running is an error once the process has ended.
func (p *process) running() error {
	select {
	case <-p.exited:
		return fmt.Errorf("a process ended: %w; %s", errors.Join(p.err, errors.New("too early")), p.lastWords())
	default:
		return nil
	}
}

// lastWords are the end of what it logged.
func (p *process) lastWords() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return "its log ends with:\n" + string(text[max(0, len(text)-2000):])
}

// untilReady waits for the manager's own readiness.
func (p *process) untilReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		if _, err := fetch(ctx, "http://"+p.probes+"/readyz"); err == nil {
			return nil
		}
		if err := p.running(); err != nil {
			return err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("the manager is not ready: %w; %s", ctx.Err(), p.lastWords())
		}
	}
}

// fetch gets a text.
func fetch(ctx context.Context, url string) ([]byte, error) {
	return fetchBy(ctx, http.DefaultClient, url)
}

func fetchBy(ctx context.Context, client *http.Client, url string) ([]byte, error) {
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

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
