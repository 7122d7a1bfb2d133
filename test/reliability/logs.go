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
	return logr.New(withoutTimings{funcr.New(func(prefix, args string) { to(prefix + " " + args) },
		funcr.Options{Verbosity: 10, LogTimestamp: true, TimestampFormat: "05.000"}).GetSink()})
}

// withoutTimings disables level 9, at which client-go also measures the phases of a request: if the request's context ends
// meanwhile, that is a data race. The other levels contain the same URLs, headers and bodies.
type withoutTimings struct{ logr.LogSink }

func (s withoutTimings) Enabled(level int) bool { return level != 9 && s.LogSink.Enabled(level) }
func (s withoutTimings) WithValues(values ...any) logr.LogSink {
	return withoutTimings{s.LogSink.WithValues(values...)}
}

func (s withoutTimings) WithName(name string) logr.LogSink {
	return withoutTimings{s.LogSink.WithName(name)}
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

func (s klogSink) Enabled(level int) bool {
	return klogBuffer.Load() != nil && s.LogSink.Enabled(level)
}

func (s klogSink) WithValues(values ...any) logr.LogSink {
	return klogSink{s.LogSink.WithValues(values...)}
}
func (s klogSink) WithName(name string) logr.LogSink { return klogSink{s.LogSink.WithName(name)} }
