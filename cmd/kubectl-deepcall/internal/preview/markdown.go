package preview

import (
	"fmt"
	"html"
	"io"
	"regexp"
	"strings"

	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/effect"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
)

// maxSize bounds each list in bytes, so that the Markdown stays below the size that GitHub accepts for a comment: 65536 characters. A
// document has five lists.
const maxSize = 12_000

// Markdown prints the document as a comment for a pull request. IDs and messages are escaped: whatever they contain, they format,
// link and mention nothing.
func Markdown(w io.Writer, d Document) error {
	out := &strings.Builder{}
	fmt.Fprintf(out, "### Effect on DeepCall\n\n%s\n", d.summary())
	if len(d.Warnings)+len(d.Notes) > 0 {
		fmt.Fprintln(out)
	}
	if omitted := writeLines(out, d.Warnings, func(warning effect.Warning) string {
		return fmt.Sprintf("- ⚠️ **%s**: %s\n", warning.Reason, escape(warning.Message))
	}); omitted > 0 {
		fmt.Fprintf(out, "- ⚠️ and %s\n", text.Count(omitted, "more warning"))
	}
	if omitted := writeLines(out, d.Notes, func(note string) string { return fmt.Sprintf("- ℹ️ %s\n", escape(note)) }); omitted > 0 {
		fmt.Fprintf(out, "- ℹ️ and %s\n", text.Count(omitted, "more note"))
	}
	changed, unchanged := d.split()
	d.writeGroups(out, changed)
	if len(unchanged) > 0 {
		writeDetails(out, text.Count(len(unchanged), "unchanged group")+" of these agents", func() { d.writeGroups(out, unchanged) })
	}
	if len(d.Requests) > 0 {
		writeDetails(out, text.Count(len(d.Requests), "request")+" to DeepCall", func() { d.writeRequests(out) })
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// writeLines writes a line for each item until they are too long together. It returns how many it omitted.
func writeLines[T any](out *strings.Builder, items []T, line func(T) string) (omitted int) {
	start := out.Len()
	for i, item := range items {
		written := line(item)
		if out.Len()-start+len(written) > maxSize {
			return len(items) - i
		}
		out.WriteString(written)
	}
	return 0
}

func writeDetails(out *strings.Builder, title string, write func()) {
	fmt.Fprintf(out, "\n<details><summary>%s</summary>\n", title)
	write()
	fmt.Fprint(out, "\n</details>\n")
}

func (d Document) writeGroups(out *strings.Builder, groups []effect.Group) {
	if len(groups) == 0 {
		return
	}
	columns := d.columns()
	var headers []string
	for _, c := range columns {
		headers = append(headers, c.header[:1]+strings.ToLower(c.header[1:]))
	}
	writeHeader(out, headers)
	if omitted := writeLines(out, groups, func(g effect.Group) string {
		var cells []string
		for _, c := range columns {
			cells = append(cells, cell(g, c))
		}
		return row(cells)
	}); omitted > 0 {
		fmt.Fprintf(out, "\nand %s\n", text.Count(omitted, "more group"))
	}
}

// cell returns a cell, with the calls that start or stop in bold.
func cell(g effect.Group, c column) string {
	switch text := c.cell(g); {
	case c.header != "CALLS":
		return code(text)
	case g.Kind == effect.Stops || g.Kind == effect.Starts:
		return "**" + text + "**"
	default:
		return escape(text)
	}
}

func (d Document) writeRequests(out *strings.Builder) {
	writeHeader(out, []string{"Agent", "Mapping", "Groups"})
	if omitted := writeLines(out, d.Requests, func(r effect.Request) string {
		return row([]string{code(r.AgentID), code(r.Mapping.String()), code(describeRequest(r))})
	}); omitted > 0 {
		fmt.Fprintf(out, "\nand %s\n", text.Count(omitted, "more request"))
	}
}

func writeHeader(out *strings.Builder, headers []string) {
	fmt.Fprintf(out, "\n%s%s|\n", row(headers), strings.Repeat("|---", len(headers)))
}

func row(cells []string) string {
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// maxValue bounds a value in characters: a request can have hundreds of groups.
const maxValue = 2000

// shorten cuts a long value off before a word.
func shorten(value string) string {
	if runes := []rune(value); len(runes) > maxValue {
		start := string(runes[:maxValue])
		return start[:max(strings.LastIndexByte(start, ' '), 0)] + " …"
	}
	return value
}

// code returns a value as a code span, in which only backticks and, in a table, vertical bars and backslashes have a meaning.
func code(value string) string {
	span := strings.NewReplacer("`", "'", "|", `\|`, `\`, "∖").Replace(shorten(text.SingleLine(value)))
	if span == "-" || span == "" {
		return "-"
	}
	return "`" + span + "`"
}

// references is what GitHub and GitLab turn into links, mentions and formulas without any markup.
var references = regexp.MustCompile(`(?i)[@#$%]|:/|www|(?:\b|_)gh-`)

// escape escapes HTML and everything that Markdown can interpret. A zero-width space ends mentions and references.
func escape(value string) string {
	value = references.ReplaceAllString(shorten(text.SingleLine(value)), "${0}\u200b")
	var escaped strings.Builder
	for _, r := range strings.ReplaceAll(html.EscapeString(value), "$", "&#36;") {
		if strings.ContainsRune("\\`*_[]{}|~<>!", r) {
			escaped.WriteByte('\\')
		}
		escaped.WriteRune(r)
	}
	return escaped.String()
}
