package command

import (
	"fmt"
	"io"
	"os"
)

// progress reports how many steps of a long command are done. On a terminal it rewrites one line, elsewhere it prints a
// line every hundred steps.
type progress struct {
	out         io.Writer
	total, done int
	terminal    bool
}

const stepsPerLine = 100

func (p *progress) step() {
	p.done++
	switch {
	case p.done == p.total:
	case p.terminal:
		fmt.Fprintf(p.out, "%d of %d", p.done, p.total)
	case p.done%stepsPerLine == 0:
		fmt.Fprintf(p.out, "%d of %d\n", p.done, p.total)
	}
}

// clear erases the progress line before other output.
func (p *progress) clear() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
