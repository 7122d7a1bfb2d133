package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// usage is the CPU time and memory of a process.
type usage struct {
	cpu       float64 // seconds
	rss, peak float64 // MiB
}

func (p *process) usage() (usage, error) {
	directory := filepath.Join("/proc", strconv.Itoa(p.command.Process.Pid))
	stat, err := os.ReadFile(filepath.Join(directory, "stat"))
	if err != nil {
		return usage{}, err
	}
	status, err := os.ReadFile(filepath.Join(directory, "status"))
	if err != nil {
		return usage{}, err
	}
	cpu, err := cpuSeconds(string(stat))
	if err != nil {
		return usage{}, err
	}
	return usage{cpu: cpu, rss: mebibytes(string(status), "VmRSS"), peak: mebibytes(string(status), "VmHWM")}, nil
}

// ticksPerSecond is USER_HZ, which is the same on every architecture that Go supports.
const ticksPerSecond = 100

// cpuSeconds returns the user and system time in /proc/PID/stat.
func cpuSeconds(stat string) (float64, error) {
	// The second field is the name of the program in parentheses, which can contain any character.
	_, rest, _ := strings.Cut(stat[strings.LastIndexByte(stat, ')')+1:], " ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("parse %q: too few fields", stat)
	}
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("parse %q: %w", stat, err)
		}
		ticks += n
	}
	return float64(ticks) / ticksPerSecond, nil
}

// mebibytes returns a size in /proc/PID/status.
func mebibytes(status, key string) float64 {
	for line := range strings.Lines(status) {
		rest, found := strings.CutPrefix(line, key+":")
		if !found {
			continue
		}
		kibibytes, _ := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
		return kibibytes / 1024
	}
	return 0
}

// planeCPU is the CPU time of the control plane, in seconds.
type planeCPU struct{ apiServer, etcd float64 }

func (c planeCPU) since(before planeCPU) planeCPU {
	return planeCPU{c.apiServer - before.apiServer, c.etcd - before.etcd}
}

// controlPlaneCPU returns the CPU time of kube-apiserver and etcd, which are children of this process.
func controlPlaneCPU() (planeCPU, error) {
	apiServer, err := childCPU("kube-apiserver")
	if err != nil {
		return planeCPU{}, err
	}
	etcd, err := childCPU("etcd")
	return planeCPU{apiServer, etcd}, err
}

// childCPU returns the CPU time of the children of this process with that name, in seconds.
func childCPU(name string) (float64, error) {
	found, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	total := 0.0
	for _, path := range found {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has exited
		}
		if !isChild(string(stat), name, os.Getpid()) {
			continue
		}
		seconds, err := cpuSeconds(string(stat))
		if err != nil {
			return 0, err
		}
		total += seconds
	}
	return total, nil
}

// isChild reports whether a process has that name and that parent.
func isChild(stat, name string, parent int) bool {
	_, rest, _ := strings.Cut(stat, "(")
	end := strings.LastIndexByte(rest, ')')
	if end < 0 {
		return false
	}
	fields := strings.Fields(rest[end+1:])
	return rest[:end] == name && len(fields) > 1 && fields[1] == strconv.Itoa(parent)
}
