package reliability

import (
	"fmt"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
)

// logs hold what the managers of a world logged, at the highest verbosity.
type logs struct {
	mu    sync.Mutex
	lines []string
}

func (l *logs) logger(process int) logr.Logger {
	return funcr.New(func(prefix, args string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines = append(l.lines, fmt.Sprintf("process %d %s %s", process, prefix, args))
	}, funcr.Options{Verbosity: 10, LogTimestamp: true, TimestampFormat: "05.000"})
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}
