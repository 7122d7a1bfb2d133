package reliability

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
)

// logs hold what the managers of a world logged, at the highest verbosity.
type logs struct {
	mu    sync.Mutex
	lines []string
}

func (l *logs) logger(process int) logr.Logger {
	return logged(func(line string) { l.add(fmt.Sprintf("process %d %s", process, line)) })
}

func logged(to func(line string)) logr.Logger {
	return funcr.New(func(prefix, args string) { to(prefix + " " + args) },
		funcr.Options{Verbosity: 10, LogTimestamp: true, TimestampFormat: "05.000"})
}

func (l *logs) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// klogs are where the lines of klog go, if anywhere. klog has one logger for all, which must not change while
// anybody logs; so it has this one from the start.
var klogs atomic.Pointer[logs]

func klogger() logr.Logger {
	return logr.New(klogSink{logged(func(line string) {
		if to := klogs.Load(); to != nil {
			to.add(line)
		}
	}).GetSink()})
}

// klogSink formats nothing that goes nowhere.
type klogSink struct{ logr.LogSink }

func (s klogSink) Enabled(int) bool { return klogs.Load() != nil }
func (s klogSink) WithValues(values ...any) logr.LogSink {
	return klogSink{s.LogSink.WithValues(values...)}
}
func (s klogSink) WithName(name string) logr.LogSink { return klogSink{s.LogSink.WithName(name)} }
