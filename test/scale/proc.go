package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// usageOf is what the kernel says of a process.
type usageOf struct {
	cpu       float64 // seconds
	rss, peak float64 // MiB
}

// usage reads /proc.
func (p *process) usage() (usageOf, error) {
	return usageOfProcess(p.command.Process.Pid)
}

func usageOfProcess(pid int) (usageOf, error) {
	directory := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(directory, "stat"))
	if err != nil {
		return usageOf{}, err
	}
	status, err := os.ReadFile(filepath.Join(directory, "status"))
	if err != nil {
		return usageOf{}, err
	}
	cpu, err := cpuSeconds(string(stat))
	if err != nil {
		return usageOf{}, err
	}
	return usageOf{cpu: cpu, rss: mebibytes(string(status), "VmRSS"), peak: mebibytes(string(status), "VmHWM")}, nil
}

// ticksPerSecond is what Linux shows to programs on every architecture that Go knows.
const ticksPerSecond = 100

// cpuSeconds reads user and system time from /proc/PID/stat.
func cpuSeconds(stat string) (float64, error) {
	// The program's name comes second, in parentheses, and may hold anything.
	_, rest, _ := strings.Cut(stat[strings.LastIndexByte(stat, ')')+1:], " ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("can't read %q", stat)
	}
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("can't read %q: %w", stat, err)
		}
		ticks += n
	}
	return float64(ticks) / ticksPerSecond, nil
}

// mebibytes reads a size from /proc/PID/status.
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

// planeCPU is the CPU time of kube-apiserver and etcd, which are children of this process.
func planeCPU() (float64, error) {
	found, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	total := 0.0
	for _, path := range found {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		if !isPlane(string(stat), os.Getpid()) {
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

// isPlane is true for a child that is part of the control plane.
func isPlane(stat string, parent int) bool {
	_, rest, _ := strings.Cut(stat, "(")
	end := strings.LastIndexByte(rest, ')')
	if end < 0 {
		return false
	}
	fields := strings.Fields(rest[end+1:])
	name := rest[:end]
	return (name == "kube-apiserver" || name == "etcd") && len(fields) > 1 && fields[1] == strconv.Itoa(parent)
}
