package reliability

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
)

// logBuffer holds log lines of the highest verbosity.
type logBuffer struct {
	mu    sync.Mutex
	lines []string
}

func (l *logBuffer) logger(process int) logr.Logger {
	return newLogger(func(line string) { l.add(fmt.Sprintf("process %d %s", process, line)) })
}

func newLogger(to func(line string)) logr.Logger {
	return funcr.New(func(prefix, args string) { to(prefix + " " + args) },
		funcr.Options{Verbosity: 10, LogTimestamp: true, TimestampFormat: "05.000"})
}

func (l *logBuffer) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// klogBuffer receives the lines of klog, unless it is nil. klog has one global logger, which must not be replaced
// while it is in use, so the logger of newKlogLogger is set once and reads this variable.
var klogBuffer atomic.Pointer[logBuffer]

func newKlogLogger() logr.Logger {
	return logr.New(klogSink{newLogger(func(line string) {
		if to := klogBuffer.Load(); to != nil {
			to.add(line)
		}
	}).GetSink()})
}

// klogSink is disabled while klogBuffer is nil, so that nothing is formatted in vain.
type klogSink struct{ logr.LogSink }

func (s klogSink) Enabled(int) bool { return klogBuffer.Load() != nil }
func (s klogSink) WithValues(values ...any) logr.LogSink {
	return klogSink{s.LogSink.WithValues(values...)}
}
func (s klogSink) WithName(name string) logr.LogSink { return klogSink{s.LogSink.WithName(name)} }
