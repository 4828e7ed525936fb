package status

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// denials writes the denials of one mode: a chart of the last hour, who has how many, and the
// latest.
func (p *page) denials(s *State, mode, id, title, none string) {
	p.section(id, title)
	total := 0
	for _, c := range s.Denials.Counts {
		if c.Mode == mode {
			total += c.Total
		}
	}
	if total == 0 {
		p.none(none)
		p.raw(`</section>`)
		return
	}
	p.chart(s.Denials.Bars, mode)
	t := p.table("By tenant and reason", "Tenant", "Reason", "Last hour", "Since the start")
	for _, c := range s.Denials.Counts {
		if c.Mode == mode && t.row(c.Tenant, "", "") {
			name := c.Tenant
			if name == "" {
				name = "(no tenant)"
			}
			t.cell(name)
			t.code(c.Reason)
			t.cell(strconv.Itoa(c.Hour))
			t.cell(strconv.Itoa(c.Total))
		}
	}
	t.close()
	p.raw(`<h3>The latest</h3><ul class="latest">`)
	for _, l := range s.Denials.Latest {
		if l.Denial.Mode == mode {
			p.latest(l)
		}
	}
	p.raw(`</ul></section>`)
}

func (p *page) latest(l Latest) {
	p.raw(`<li data-tenant="`)
	p.escaped(l.Denial.Tenant)
	p.raw(`" data-host="`)
	p.escaped(l.Denial.Host + " " + l.Denial.SNI)
	p.raw(`"><p>`)
	p.element("strong", "code", l.Denial.Reason)
	p.raw(" ")
	p.escaped(l.Words)
	p.raw(`</p><p class="small">`)
	p.at(l.Last)
	if l.Count > 1 {
		p.raw(fmt.Sprintf(", %d times since ", l.Count))
		p.at(l.First)
	}
	if l.Denial.Router != "" {
		p.raw(`, router `)
		p.element("code", "", l.Denial.Router)
	}
	p.raw(`, client `)
	p.element("code", "", l.Denial.Client)
	p.raw(`</p><details><summary>All that is known</summary><dl class="facts">`)
	for _, f := range fields(l) {
		p.fact(f[0], f[1])
	}
	p.raw(`</dl></details></li>`)
}

// fields are the fields of a denial's line that have a value, with their names.
func fields(l Latest) [][]string {
	text, err := json.Marshal(l.Denial)
	if err != nil {
		return nil
	}
	values := map[string]any{}
	if json.Unmarshal(text, &values) != nil {
		return nil
	}
	var all [][]string
	for name, value := range values {
		if name == "event" || name == "suppressed" || value == nil || value == "" {
			continue
		}
		written := fmt.Sprint(value)
		if list, ok := value.([]any); ok {
			written = strings.Trim(fmt.Sprint(list), "[]")
		}
		all = append(all, []string{name, written})
	}
	sort.Slice(all, func(i, j int) bool { return all[i][0] < all[j][0] })
	return all
}

// The chart, in units of its own.
const (
	chartHeight = 120
	barWidth    = 36
	barGap      = 8
	// colours is how many reasons have a colour of their own.
	colours = 6
)

// chart draws the last hour as bars, each in as many parts as it has reasons. The table below it
// says the same in figures.
func (p *page) chart(all []Bar, mode string) {
	reasons, highest, total := chartReasons(all, mode)
	if total == 0 {
		p.none("None in the last hour.")
		return
	}
	width := bars * (barWidth + barGap)
	p.raw(fmt.Sprintf(`<figure><svg viewBox="0 0 %d %d" role="img" aria-label="%s in the last `+
		`hour, at most %d in five minutes">`,
		width+30, chartHeight+24, count(total, "denial"), highest))
	tops := map[int]int{}
	for _, bar := range all {
		if bar.Mode != mode {
			continue
		}
		height := bar.Count * chartHeight / highest
		if height < 3 {
			height = 3
		}
		tops[bar.Ago] += height
		x := (bars - 1 - bar.Ago) * (barWidth + barGap)
		p.raw(fmt.Sprintf(`<rect class="c%d" x="%d" y="%d" width="%d" height="%d"><title>`,
			reasons[bar.Reason], x, chartHeight-tops[bar.Ago], barWidth, height))
		p.escaped(fmt.Sprintf("%d %s", bar.Count, bar.Reason))
		p.raw(`</title></rect>`)
	}
	p.raw(fmt.Sprintf(`<text x="%d" y="12" class="top">%d</text>`, width-barGap+4, highest))
	p.raw(fmt.Sprintf(`<line x1="0" y1="%d" x2="%d" y2="%d"/><text x="0" y="%d">1 h ago</text>`+
		`<text x="%d" y="%d" text-anchor="end">now</text></svg><figcaption><ul class="legend">`,
		chartHeight, width, chartHeight, chartHeight+18, width-barGap, chartHeight+18))
	for _, reason := range sortedReasons(reasons) {
		p.raw(fmt.Sprintf(`<li><span class="c%d" aria-hidden="true"></span>`, reasons[reason]))
		p.escaped(reason)
		p.raw(`</li>`)
	}
	p.raw(`</ul></figcaption></figure>`)
}

// chartReasons numbers the colours of the reasons, and returns the highest bar and the sum.
func chartReasons(all []Bar, mode string) (map[string]int, int, int) {
	sums, byAgo := map[string]int{}, map[int]int{}
	highest, total := 0, 0
	for _, bar := range all {
		if bar.Mode != mode {
			continue
		}
		sums[bar.Reason] += bar.Count
		byAgo[bar.Ago] += bar.Count
		total += bar.Count
		if byAgo[bar.Ago] > highest {
			highest = byAgo[bar.Ago]
		}
	}
	colour := map[string]int{}
	for i, reason := range sortedReasons(sums) {
		colour[reason] = i
		if i >= colours {
			colour[reason] = colours - 1
		}
	}
	return colour, highest, total
}

func sortedReasons(of map[string]int) []string {
	var names []string
	for name := range of {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
