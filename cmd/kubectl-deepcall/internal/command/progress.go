package command

import (
	"fmt"
	"io"
	"os"
)

// progress is a line that tells how far a long command has come: on a terminal one that is written over, elsewhere a
// new one after every hundred.
type progress struct {
	out         io.Writer
	total, done int
	terminal    bool
}

const stepsOfALine = 100

func (p *progress) step() {
	p.done++
	switch {
	case p.done == p.total:
	case p.terminal:
		fmt.Fprintf(p.out, "%d of %d", p.done, p.total)
	case p.done%stepsOfALine == 0:
		fmt.Fprintf(p.out, "%d of %d\n", p.done, p.total)
	}
}

// clear takes the line away, so that another can be written.
func (p *progress) clear() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
