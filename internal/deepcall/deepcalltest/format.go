package deepcalltest

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxShown bounds the groups in a line.
const maxShown = 12

// String formats the request as a line:
//
//	12:00:01.123 #3 agent 7  90=Y 91=N 92=Y  -> 200 success  (2ms)
func (r Request) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s #%d ", r.Start.Format("15:04:05.000"), r.Seq)
	if r.Agent == "" {
		b.WriteString("no agent")
	} else {
		b.WriteString("agent " + printable(r.Agent))
	}
	if len(r.Groups) > 0 {
		b.WriteString("  " + formatGroups(r.Groups, maxShown))
	}
	if r.End.IsZero() {
		b.WriteString("  -> in flight")
	} else {
		took := r.End.Sub(r.Start).Round(time.Millisecond)
		fmt.Fprintf(&b, "  -> %s  (%s)", r.Outcome, took)
	}
	if r.ClientGone && !strings.HasPrefix(r.Outcome, "client left") {
		b.WriteString("  client left")
	}
	for _, seq := range r.Overlaps {
		fmt.Fprintf(&b, "  OVERLAPS #%d", seq)
	}
	return b.String()
}

// formatGroups returns the groups as "90=Y 91=N", up to a maximum.
func formatGroups(groups map[string]string, limit int) string {
	var out []string
	for _, id := range sortIDs(slices.Collect(maps.Keys(groups))) {
		if len(out) == limit {
			out = append(out, fmt.Sprintf("and %d more", len(groups)-limit))
			break
		}
		out = append(out, printable(id)+"="+printable(groups[id]))
	}
	return strings.Join(out, " ")
}

var validID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// printable quotes text that is not a valid ID, since it comes from the network and is
// written to a terminal.
func printable(s string) string {
	if validID.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

func (s *Server) logLine(line string) {
	if s.opts.Log == nil {
		return
	}
	s.logMu.Lock()
	defer s.logMu.Unlock()
	_, _ = io.WriteString(s.opts.Log, line+"\n")
}
