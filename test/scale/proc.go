package main

import (
	"os"

	"github.com/prometheus/procfs"
)

// usage is the CPU time and memory of a process.
type usage struct {
	cpu       float64 // seconds
	rss, peak float64 // MiB
}

func (p *process) usage() (usage, error) {
	proc, err := procfs.NewProc(p.command.Process.Pid)
	if err != nil {
		return usage{}, err
	}
	stat, err := proc.Stat()
	if err != nil {
		return usage{}, err
	}
	status, err := proc.NewStatus()
	if err != nil {
		return usage{}, err
	}
	const mebibyte = 1 << 20
	return usage{cpu: stat.CPUTime(), rss: float64(status.VmRSS) / mebibyte, peak: float64(status.VmHWM) / mebibyte}, nil
}

// planeCPU is the CPU time of the control plane, in seconds.
type planeCPU struct{ apiServer, etcd float64 }

func (c planeCPU) since(before planeCPU) planeCPU {
	return planeCPU{c.apiServer - before.apiServer, c.etcd - before.etcd}
}

// controlPlaneCPU returns the CPU time of kube-apiserver and etcd, which are children of this process.
func controlPlaneCPU() (planeCPU, error) {
	processes, err := procfs.AllProcs()
	if err != nil {
		return planeCPU{}, err
	}
	var cpu planeCPU
	for _, p := range processes {
		stat, err := p.Stat()
		if err != nil || stat.PPID != os.Getpid() {
			continue // it has exited, or is not a child
		}
		switch stat.Comm {
		case "kube-apiserver":
			cpu.apiServer += stat.CPUTime()
		case "etcd":
			cpu.etcd += stat.CPUTime()
		}
	}
	return cpu, nil
}
