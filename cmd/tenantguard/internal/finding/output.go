package finding

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// The formats of --output.
const (
	Table = "table"
	JSON  = "json"
	YAML  = "yaml"
)

// Formats returns the formats of --output.
func Formats() []string {
	return []string{Table, JSON, YAML}
}

// A Report is what a command that looks for findings says. Commands with more to say have types of
// their own.
type Report struct {
	Findings List `json:"findings"`
}

// Write writes a value as JSON or YAML, or else by table.
func Write(w io.Writer, format string, value any, table func(w io.Writer) error) error {
	switch format {
	case Table:
		return table(w)
	case JSON:
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")

		return encoder.Encode(value)
	case YAML:
		return writeYAML(w, value)
	default:
		return fmt.Errorf("unknown output %q, want one of %s",
			format, strings.Join(Formats(), ", "))
	}
}

// writeYAML writes a value with the keys that it has in JSON, in their order.
func writeYAML(w io.Writer, value any) error {
	content, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(content, &node); err != nil {
		return err
	}
	inBlocks(&node)
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(&node); err != nil {
		return err
	}

	return encoder.Close()
}

// oldBool is text that readers of YAML 1.1 take for true or false, such as kubectl.
var oldBool = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off)$`)

// inBlocks takes the braces and quotes of JSON off.
func inBlocks(node *yaml.Node) {
	node.Style = 0
	if node.Kind == yaml.ScalarNode && node.Tag == "!!str" && oldBool.MatchString(node.Value) {
		node.Style = yaml.DoubleQuotedStyle
	}
	if (node.Kind == yaml.MappingNode || node.Kind == yaml.SequenceNode) && len(node.Content) == 0 {
		node.Style = yaml.FlowStyle
	}
	for _, item := range node.Content {
		inBlocks(item)
	}
}

// Write writes the findings, the worst first.
func (l List) Write(w io.Writer, format string) error {
	l.Sort()
	if l == nil {
		l = List{}
	}

	return Write(w, format, Report{Findings: l}, l.WriteTable)
}

// WriteTable writes the findings for people: a line for each, and below it what it says.
func (l List) WriteTable(w io.Writer) error {
	if len(l) == 0 {
		_, err := fmt.Fprintln(w, "Nothing found.")

		return err
	}
	var heads strings.Builder
	tabs := tabwriter.NewWriter(&heads, 0, 0, 2, ' ', 0)
	for _, f := range l {
		tenant := ""
		if f.Tenant != "" {
			tenant = "tenant " + oneLine(f.Tenant)
		}
		fmt.Fprintf(tabs, "%s\t%s\t%s\t%s\t%s\n",
			f.Severity, f.ID, oneLine(f.Subject), tenant, oneLine(f.Where))
	}
	if err := tabs.Flush(); err != nil {
		return err
	}
	var text strings.Builder
	for i, head := range strings.Split(strings.TrimSuffix(heads.String(), "\n"), "\n") {
		text.WriteString(strings.TrimRight(head, " ") + "\n")
		text.WriteString(indent("    ", Wrap(l[i].Message, width-4)))
		if i == 0 || !isSameAdvice(l[i-1], l[i]) {
			text.WriteString(indent("    ", Wrap(l[i].Do, width-4)))
		}
		text.WriteString(indent("        ", l[i].Fix))
	}
	text.WriteString("\n" + l.summary() + "\n")
	_, err := io.WriteString(w, text.String())

	return err
}

// isSameAdvice reports whether what to do about a finding was said of the one before it.
func isSameAdvice(before, f Finding) bool {
	return before.ID == f.ID && before.Do == f.Do && before.Fix == "" && f.Fix == ""
}

// width is how many columns what people read has.
const width = 100

// Wrap breaks the lines of a text at spaces, so that none has more columns, if that can be.
func Wrap(text string, columns int) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		taken := ""
		for word := range strings.SplitSeq(line, " ") {
			both := utf8.RuneCountInString(taken) + 1 + utf8.RuneCountInString(word)
			if taken != "" && both > columns {
				lines = append(lines, taken)
				taken = word

				continue
			}
			if taken != "" {
				taken += " "
			}
			taken += word
		}
		lines = append(lines, taken)
	}

	return strings.Join(lines, "\n")
}

// summary counts the findings by their severity.
func (l List) summary() string {
	var parts []string
	for _, severity := range []Severity{Error, Warning, Info} {
		n := l.number(severity)
		if n == 0 {
			continue
		}
		plural := ""
		if n > 1 && severity != Info {
			plural = "s"
		}
		parts = append(parts, fmt.Sprintf("%d %s%s", n, severity, plural))
	}

	return strings.Join(parts, ", ") + "."
}

// indent writes each line of a text behind a margin, and nothing for "".
func indent(margin, text string) string {
	if text == "" {
		return ""
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(margin+printable(line), " ")
	}

	return strings.Join(lines, "\n") + "\n"
}

// oneLine is a text that fits into a cell.
func oneLine(text string) string {
	return strings.Join(strings.Fields(printable(text)), " ")
}

// printable is a text without what a terminal would obey: it may be a stranger's.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			return '\uFFFD'
		}

		return r
	}, text)
}
