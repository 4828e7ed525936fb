package status

import "fmt"

// table writes rows with the same columns. On a narrow screen each row is a card, and each cell
// says which column it is of. A browser forgets what a table is when it is laid out so: hence the
// roles.
type table struct {
	page    *page
	columns []string
	column  int
	rows    int
	more    int
}

func (p *page) table(caption string, columns ...string) *table {
	p.raw(`<table role="table"><caption>`)
	p.escaped(caption)
	p.raw(`</caption><thead role="rowgroup"><tr role="row">`)
	for _, column := range columns {
		p.raw(`<th scope="col" role="columnheader">`)
		p.escaped(column)
		p.raw(`</th>`)
	}
	p.raw(`</tr></thead><tbody role="rowgroup">`)
	return &table{page: p, columns: columns}
}

// row begins a row that the filter finds by a tenant and hosts, and reports whether there is room
// for it.
func (t *table) row(tenant, hosts, level string) bool {
	if t.rows >= maxRows {
		t.more++
		return false
	}
	if t.rows > 0 {
		t.page.raw("</tr>")
	}
	t.rows++
	t.column = 0
	t.page.raw(`<tr role="row" class="` + level + `" data-tenant="`)
	t.page.escaped(tenant)
	t.page.raw(`" data-host="`)
	t.page.escaped(hosts)
	t.page.raw(`">`)
	return true
}

// begin begins the next cell, and end ends it.
func (t *table) begin() {
	t.page.raw(`<td role="cell" data-label="`)
	t.page.escaped(t.columns[t.column])
	t.page.raw(`">`)
	t.column++
}

func (t *table) end() {
	t.page.raw(`</td>`)
}

// cell writes the next cell, a dash for no text.
func (t *table) cell(text string) {
	t.begin()
	if text == "" {
		text = "–"
		t.page.raw(text)
	} else {
		t.page.escaped(text)
	}
	t.end()
}

// code writes the next cell with a text that is a name.
func (t *table) code(text string) {
	t.begin()
	t.page.element("code", "", text)
	t.end()
}

// list writes the next cell with texts below each other, of which the first ones show.
func (t *table) list(texts []string) {
	const shown = 8
	t.begin()
	if len(texts) == 0 {
		t.page.raw("–")
	}
	for i, text := range texts {
		if i == shown && len(texts) > shown+1 {
			t.page.raw(fmt.Sprintf(`<details><summary>%d more</summary>`, len(texts)-shown))
		}
		t.page.element("code", "item", text)
	}
	if len(texts) > shown+1 {
		t.page.raw(`</details>`)
	}
	t.end()
}

// close ends the table, and says how much more there is.
func (t *table) close() {
	if t.rows > 0 {
		t.page.raw("</tr>")
	}
	t.page.raw(`</tbody></table>`)
	if t.more > 0 {
		t.page.raw(fmt.Sprintf(`<p class="none">%d more are in `+
			`<a href="status.json">status.json</a>, `+
			`which has all of them.</p>`, t.more))
	}
}
