package monitoring

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// check parses a PromQL expression and returns the labels of its result. It fails on metrics, labels and label
// values that the operator does not have, and on operators whose labels never match, which would return nothing.
// It supports only the parts of PromQL that the alerts and the dashboard use.
func check(expr string) (labels []string, err error) {
	p := &promql{tokens: tokens(expr)}
	defer func() {
		if fault := recover(); fault != nil {
			reason, ours := fault.(promqlFault)
			if !ours {
				panic(fault)
			}
			err = fmt.Errorf("%s, in: %s", reason, expr)
		}
	}()
	result := p.expression(0)
	if p.peek() != "" {
		p.fail("unexpected %q", p.peek())
	}
	return result.labels, nil
}

// value describes the value of an expression.
type value struct {
	labels []string
	scalar bool
	ranged bool
	kind   string // kind of metric, for a selector
}

type promqlFault string

type promql struct {
	tokens []string
	at     int
}

var token = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[A-Za-z_:][A-Za-z0-9_:]*|[0-9][0-9A-Za-z.]*|[=!<>]=|[=!]~|\S`)

func tokens(expr string) []string { return token.FindAllString(expr, -1) }

func (p *promql) fail(format string, args ...any) { panic(promqlFault(fmt.Sprintf(format, args...))) }

func (p *promql) peek() string {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return ""
}

func (p *promql) next() string {
	found := p.peek()
	p.at++
	return found
}

func (p *promql) accept(want string) bool {
	if p.peek() != want {
		return false
	}
	p.at++
	return true
}

func (p *promql) expect(want string) {
	if !p.accept(want) {
		p.fail("%q where %q is expected", p.peek(), want)
	}
}

// operators by increasing precedence.
var operators = [][]string{
	{"or"},
	{"and", "unless"},
	{"==", "!=", "<=", ">=", "<", ">"},
	{"+", "-"},
	{"*", "/", "%"},
}

func (p *promql) expression(level int) value {
	if level == len(operators) {
		return p.operand()
	}
	left := p.expression(level + 1)
	for slices.Contains(operators[level], p.peek()) {
		operator := p.next()
		var on []string
		matching := p.accept("on")
		if matching {
			on = p.names()
		}
		left = p.combine(operator, matching, on, left, p.expression(level+1))
	}
	return left
}

func (p *promql) combine(operator string, matching bool, on []string, left, right value) value {
	if left.ranged || right.ranged {
		p.fail("%s takes no range", operator)
	}
	set := slices.Contains([]string{"and", "or", "unless"}, operator)
	switch {
	case left.scalar && right.scalar && !set:
		return left
	case left.scalar && !set:
		return value{labels: right.labels}
	case right.scalar && !set:
		return value{labels: left.labels}
	case left.scalar || right.scalar:
		p.fail("%s takes no scalar", operator)
	}
	if !matching {
		if !same(left.labels, right.labels) {
			p.fail("%s never matches: %v and %v", operator, left.labels, right.labels)
		}
		return value{labels: left.labels}
	}
	for _, label := range on {
		if !slices.Contains(left.labels, label) || !slices.Contains(right.labels, label) {
			p.fail("%s on %s: one side has no such label", operator, label)
		}
	}
	if set {
		return value{labels: left.labels}
	}
	return value{labels: on}
}

func same(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// names parses a list of names in parentheses.
func (p *promql) names() []string {
	p.expect("(")
	var names []string
	for !p.accept(")") {
		names = append(names, p.next())
		p.accept(",")
		if p.peek() == "" {
			p.fail("a list does not end")
		}
	}
	return names
}

var (
	name         = regexp.MustCompile(`^[A-Za-z_:]`)
	number       = regexp.MustCompile(`^[0-9]`)
	aggregations = []string{"sum", "max", "min", "avg", "count", "topk"}
	// overCounters and overGauges are the functions of ranges of one kind of metric.
	overCounters = []string{"rate", "increase", "irate"}
	overGauges   = []string{"avg_over_time", "max_over_time", "min_over_time", "delta"}
)

func (p *promql) operand() value {
	switch t := p.next(); {
	case t == "(":
		inner := p.expression(0)
		p.expect(")")
		return inner
	case number.MatchString(t):
		return value{scalar: true}
	case slices.Contains(aggregations, t):
		return p.aggregation(t)
	case !name.MatchString(t):
		p.fail("unexpected %q", t)
	case p.peek() == "(":
		return p.function(t)
	default:
		return p.selector(t)
	}
	return value{}
}

func (p *promql) aggregation(operation string) value {
	var by []string
	if p.accept("by") {
		by = p.names()
	}
	args := p.args()
	if operation == "topk" {
		args = args[1:]
	}
	if len(args) != 1 || args[0].scalar || args[0].ranged {
		p.fail("%s takes one vector", operation)
	}
	for _, label := range by {
		if !slices.Contains(args[0].labels, label) {
			p.fail("%s by %s, a label that its argument does not have", operation, label)
		}
	}
	if operation == "topk" {
		return value{labels: args[0].labels}
	}
	return value{labels: by}
}

func (p *promql) args() []value {
	p.expect("(")
	var args []value
	for !p.accept(")") {
		args = append(args, p.expression(0))
		if !p.accept(",") && p.peek() != ")" {
			p.fail("%q where an argument ends", p.peek())
		}
	}
	return args
}

func (p *promql) function(function string) value {
	args := p.args()
	switch {
	case function == "time":
		return value{scalar: true}
	case len(args) == 0:
		p.fail("%s takes an argument", function)
	case function == "absent":
		return value{}
	case slices.Contains(overCounters, function) || slices.Contains(overGauges, function):
		counter := args[0].kind == "counter"
		if !args[0].ranged || counter != slices.Contains(overCounters, function) {
			p.fail("%s is not meant for a %s", function, args[0].kind)
		}
		return value{labels: args[0].labels}
	case function == "histogram_quantile":
		labels := slices.DeleteFunc(slices.Clone(args[1].labels), func(label string) bool { return label == "le" })
		if len(labels) == len(args[1].labels) {
			p.fail("histogram_quantile needs the label le")
		}
		return value{labels: labels}
	default:
		p.fail("%s is not known here", function)
	}
	return value{}
}

// selector parses the name, the matchers and the range of a selector.
func (p *promql) selector(series string) value {
	metric, kind, labels, ok := resolve(series)
	if !ok {
		p.fail("the operator has no series %s", series)
	}
	if p.accept("{") {
		for !p.accept("}") {
			p.matcher(metric, labels)
			p.accept(",")
		}
	}
	selected := value{labels: labels, kind: kind}
	if p.accept("[") {
		if !number.MatchString(p.next()) {
			p.fail("a range is a duration")
		}
		p.expect("]")
		selected.ranged = true
	}
	return selected
}

func (p *promql) matcher(metric string, labels []string) {
	label, operator, quoted := p.next(), p.next(), p.next()
	if !slices.Contains(labels, label) {
		p.fail("%s has no label %s", metric, label)
	}
	if !slices.Contains([]string{"=", "!=", "=~", "!~"}, operator) || !strings.HasPrefix(quoted, `"`) {
		p.fail("%s%s%s is not a matcher", label, operator, quoted)
	}
	values, bounded := knownValues()[metric+"/"+label]
	if !bounded || strings.HasPrefix(quoted, `"$`) {
		return
	}
	for _, each := range strings.Split(strings.Trim(quoted, `"`), "|") {
		if !slices.Contains(values, each) {
			p.fail("the label %s of %s is never %q", label, metric, each)
		}
	}
}
