package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

const (
	// stopTimeout exceeds the manager's graceful shutdown timeout.
	stopTimeout       = 45 * time.Second
	leadershipTimeout = 2 * time.Minute
)

// replica is a replica of the manager, which can run several times.
type replica struct {
	pod, metrics string
	stop         func() error
}

func (e *environment) prepareReplicas(context.Context) error {
	for _, pod := range []string{"manager-a", "manager-b"} {
		address, err := testenv.FreeAddress()
		if err != nil {
			return err
		}
		e.replicas = append(e.replicas, &replica{pod: pod, metrics: address})
	}
	return nil
}

// startReplicas starts the replicas. The first one becomes the leader.
func (e *environment) startReplicas(ctx context.Context) error {
	for i, r := range e.replicas {
		if err := e.startReplica(r); err != nil {
			return err
		}
		e.stops = append(e.stops, func() error { return r.stop() })
		if i > 0 {
			continue
		}
		if err := r.waitForLeadership(ctx); err != nil {
			return err
		}
	}
	return nil
}

var leads = regexp.MustCompile(`(?m)^leader_election_master_status\{.*\} 1$`)

// waitForLeadership waits until the metrics of the replica show that it is the leader.
func (r *replica) waitForLeadership(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leadershipTimeout)
	defer cancel()
	for {
		if text, err := fetch(ctx, "http://"+r.metrics+"/metrics"); err == nil && leads.Match(text) {
			return nil
		}
		if err := testenv.Sleep(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("%s does not become the leader: %w", r.pod, err)
		}
	}
}

// startReplica starts the manager with leader election, as in config/default.
func (e *environment) startReplica(r *replica) error {
	stop, err := e.start(r.pod, e.manager, "--kubeconfig="+e.kubeconfig(), "--allow-insecure-endpoints",
		"--leader-elect", "--leader-election-namespace="+managerNamespace, "--health-probe-bind-address=0",
		"--watch-namespaces="+strings.Join(e.scenario.namespaces, ","), "--group-metrics",
		"--metrics-secure=false", "--metrics-bind-address="+r.metrics)
	r.stop = stop
	return err
}

// startPrometheus starts a Prometheus that scrapes the replicas. Their targets have the labels that those of a ServiceMonitor have.
func (e *environment) startPrometheus(context.Context) error {
	var err error
	if e.prometheus, err = testenv.FreeAddress(); err != nil {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "global: {scrape_interval: %[1]s, scrape_timeout: %[1]s}\nscrape_configs:\n  - job_name: deepcall-operator\n    static_configs:\n",
		e.scenario.scrapeInterval)
	for _, r := range e.replicas {
		fmt.Fprintf(&text, "      - {targets: [%q], labels: {namespace: %s, pod: %s}}\n", r.metrics, managerNamespace, r.pod)
	}
	file := filepath.Join(e.dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("write the configuration of Prometheus: %w", err)
	}
	stop, err := e.start("prometheus", e.options.prometheus, file, filepath.Join(e.dir, "tsdb"), e.prometheus)
	if err != nil {
		return err
	}
	e.stops = append(e.stops, stop)
	return nil
}

// start starts a program, whose output it writes to a file. stop fails if the program fails.
func (e *environment) start(name, program string, args ...string) (stop func() error, err error) {
	path := filepath.Join(e.dir, name+".log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create a log: %w", err)
	}
	defer log.Close()
	command := exec.Command(program, args...)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	exited := make(chan error, 1)
	go func() { exited <- command.Wait() }()
	return func() error {
		if err := command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop %s: %w", name, err)
		}
		timeout := time.NewTimer(stopTimeout)
		defer timeout.Stop()
		select {
		case err := <-exited:
			if err != nil {
				text, _ := os.ReadFile(path)
				return fmt.Errorf("%s: %w; end of its log:\n%s", name, err, text[max(0, len(text)-2000):])
			}
			return nil
		case <-timeout.C:
			return errors.Join(fmt.Errorf("%s did not exit within %s", name, stopTimeout), command.Process.Kill())
		}
	}, nil
}
