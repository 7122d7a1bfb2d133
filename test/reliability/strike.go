package reliability

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// mode is how a strike makes an effect go wrong.
type mode string

const (
	// failBefore: the effect never leaves, and the caller gets an error.
	failBefore mode = "fail-before"
	// loseAnswer: the effect takes place, and the caller gets an error.
	loseAnswer mode = "lose-answer"
	// crashBefore: the process dies before the effect leaves.
	crashBefore mode = "crash-before"
	// crashAfter: the effect takes place, and the process dies before the answer.
	crashAfter mode = "crash-after"
)

var modes = []mode{failBefore, loseAnswer, crashBefore, crashAfter}

func (m mode) crashes() bool { return m == crashBefore || m == crashAfter }
func (m mode) leaves() bool  { return m == "" || m == loseAnswer || m == crashAfter }

// strike makes the k-th effect of a process go wrong. The first strike is for the process that runs
// when the ledger is armed, each further one for the next process after a crash.
type strike struct {
	k    int
	mode mode
}

func (s strike) String() string { return fmt.Sprintf("k=%d/%s", s.k, s.mode) }

// perturbation names a run: which scenario, under which reading, with which strikes.
type perturbation struct {
	scenario string // with @replace for the other reading
	strikes  []strike
}

// String is what -replay takes.
func (p perturbation) String() string {
	parts := []string{p.scenario}
	for _, s := range p.strikes {
		parts = append(parts, s.String())
	}
	return strings.Join(parts, "/")
}

// parsePerturbation reads what String wrote.
func parsePerturbation(text string) (perturbation, error) {
	parts := strings.Split(text, "/")
	p := perturbation{scenario: parts[0]}
	if len(parts)%2 == 0 {
		return p, fmt.Errorf("%q is not scenario/k=number/mode", text)
	}
	for i := 1; i < len(parts); i += 2 {
		k, err := strconv.Atoi(strings.TrimPrefix(parts[i], "k="))
		if err != nil || k < 1 || !slices.Contains(modes, mode(parts[i+1])) {
			return p, fmt.Errorf("%q is not k=number/mode, with a mode of %v", parts[i]+"/"+parts[i+1], modes)
		}
		p.strikes = append(p.strikes, strike{k, mode(parts[i+1])})
	}
	return p, nil
}
