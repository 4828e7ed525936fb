package audit

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// maxRows bounds the rows of a table that nobody asked for in full.
const maxRows = 20

// WriteTable writes the report for people: what does not pass, or all, and the findings.
func (r *Report) WriteTable(w io.Writer, all bool) error {
	var text strings.Builder
	denied := 0
	for _, row := range r.Routers {
		if row.Verdict != passes && row.Verdict != notSeen && row.Verdict != leftOut {
			denied++
		}
	}
	fmt.Fprintf(&text, "%s, %s, %s; %d with requests that are denied.\n\n",
		count(len(r.Routers), "router"), count(len(r.Hosts), "host"),
		count(len(r.Certificates), "certificate"), denied)
	if all {
		r.writeRouters(&text)
		r.writeHosts(&text)
		r.writeCertificates(&text)
	}
	r.writeRenamed(&text, all)
	if _, err := io.WriteString(w, text.String()); err != nil {
		return err
	}

	return r.Findings.WriteTable(w)
}

// passes is the verdict of what nothing is denied of.
const passes = "pass"

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}

	return fmt.Sprintf("%d %ss", n, what)
}

// table writes rows below a head, and an empty line.
func table(w io.Writer, head string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	tabs := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tabs, head)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = oneLine(cell)
		}
		fmt.Fprintln(tabs, strings.Join(row, "\t"))
	}
	_ = tabs.Flush()
	fmt.Fprintln(w)
}

// oneLine is a text that fits into a cell, and that no terminal obeys.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}

		return r
	}, text)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}

	return text
}

func (r *Report) writeRouters(w io.Writer) {
	var rows [][]string
	for _, row := range r.Routers {
		rows = append(rows, []string{row.Router, orDash(row.Tenant),
			orDash(bounded(row.Hosts)), row.Verdict})
	}
	table(w, "ROUTER\tTENANT\tHOSTS\tVERDICT", rows)
}

func (r *Report) writeHosts(w io.Writer) {
	var rows [][]string
	for _, row := range r.Hosts {
		rows = append(rows, []string{row.Host, orDash(row.Owner), row.Router,
			orDash(row.Certificate), orDash(row.Until), row.Verdict})
	}
	table(w, "HOST\tOWNER\tROUTER\tCERTIFICATE\tUNTIL\tVERDICT", rows)
}

func (r *Report) writeCertificates(w io.Writer) {
	var rows [][]string
	for _, row := range r.Certificates {
		rows = append(rows, []string{bounded(row.Names), orDash(bounded(row.Secrets)),
			orDash(bounded(row.Hosts)), row.Until, row.Verdict})
	}
	table(w, "CERTIFICATE\tSECRETS\tSERVED FOR\tUNTIL\tVERDICT", rows)
}

// writeRenamed writes what safeNaming renames, where that is still to come.
func (r *Report) writeRenamed(w io.Writer, all bool) {
	isDue := all
	for _, f := range r.Findings {
		isDue = isDue || f.ID == "setting-safe-naming" || f.ID == "safe-naming-off"
	}
	if !isDue {
		return
	}
	var rows [][]string
	for _, row := range r.Renamed {
		rows = append(rows, []string{row.Object, row.Old, row.New})
	}
	more := len(rows) - maxRows
	if more > 0 && !all {
		rows = rows[:maxRows]
	}
	table(w, "OBJECT\tNAME NOW\tNAME WITH safeNaming", rows)
	if more > 0 && !all {
		fmt.Fprintf(w, "%d more: --all, or --output json.\n\n", more)
	}
}
