// Command recording draws the text that it reads as an animated SVG of a terminal. The lines appear as they arrive, so it
// records the command in front of the pipe:
//
//	make demo | go run ./hack/recording > docs/demo.svg
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	if err := run(os.Stdin, os.Stdout, os.Stderr, time.Now); err != nil {
		fmt.Fprintf(os.Stderr, "recording: %v\n", err)
		os.Exit(1)
	}
}

// run reads the text from in, copies it to progress and writes the SVG to out.
func run(in io.Reader, out, progress io.Writer, now func() time.Time) error {
	lines, err := record(in, progress, now)
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		return errors.New("no text to draw")
	}
	_, err = io.WriteString(out, draw(lines))
	return err
}

// line is a line of the terminal, and the time after the first line at which it appears.
type line struct {
	text string
	at   time.Duration
}

// Pauses are shortened and lines kept apart, so that a reader neither waits nor misses a line.
const (
	longestPause  = 2 * time.Second
	shortestPause = 250 * time.Millisecond
	pauseOfTitle  = 1500 * time.Millisecond // before the title of a step
)

// shortest returns the shortest pause before a line.
func shortest(text string) time.Duration {
	if isTitle(text) {
		return pauseOfTitle
	}
	return shortestPause
}

func record(in io.Reader, progress io.Writer, now func() time.Time) ([]line, error) {
	var lines []line
	var at time.Duration
	scanner := bufio.NewScanner(in)
	for last := now(); scanner.Scan(); {
		arrived := now()
		if len(lines) > 0 {
			at += min(max(arrived.Sub(last), shortest(scanner.Text())), longestPause)
		}
		last = arrived
		lines = append(lines, line{scanner.Text(), at})
		fmt.Fprintln(progress, scanner.Text())
	}
	return lines, scanner.Err()
}
