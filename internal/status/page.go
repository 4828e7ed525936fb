package status

import (
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxRows bounds the rows of a table on the page. All of them are in /status.json.
const maxRows = 300

// page is the text of the page. What is not written by this package goes through escaped.
type page struct {
	text strings.Builder
	now  time.Time
}

// Page returns a state as a page by itself: it loads nothing.
func (s *State) Page() string {
	p := &page{now: s.Now}
	p.raw(`<!doctype html><html lang="en"><head><meta charset="utf-8">` +
		`<meta name="viewport" content="width=device-width, initial-scale=1">` +
		`<meta name="color-scheme" content="light dark"><title>`)
	p.escaped(s.Summary.Sentence)
	p.raw(` – tenantguard</title><style>` + style + `</style></head><body>` +
		`<a class="skip" href="#main">Skip to content</a>`)
	p.banner(s)
	p.navigation()
	p.raw(`<main id="main">`)
	p.figures(s)
	p.filter(s)
	p.routers(s)
	p.denials(s, "enforce", "denials", "Denials", "No request was denied since Traefik started.")
	p.denials(s, "report", "reported", "What report mode let pass",
		"None since Traefik started.")
	p.hosts(s)
	p.tenants(s)
	p.policies(s)
	p.kubernetes(s)
	p.selfCheck(s)
	p.raw(`</main><footer><p>This is one process of Traefik. The same as <a href="status.json">` +
		`status.json</a> and <a href="metrics">metrics</a>.</p></footer>` +
		`<script>` + script + `</script></body></html>` + "\n")
	return p.text.String()
}

// raw writes what this package wrote.
func (p *page) raw(markup string) {
	p.text.WriteString(markup)
}

// escaped writes text that is no markup, whoever wrote it. What turns the direction of reading, or
// can't be seen, is shown as what it is.
func (p *page) escaped(text string) {
	p.text.WriteString(html.EscapeString(visible(text)))
}

// visible returns a text in which every character can be seen.
func visible(text string) string {
	if ascii.MatchString(text) {
		return text
	}
	quoted := strconv.QuoteToGraphic(text)
	quoted = strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
	return strings.ReplaceAll(quoted, `\\`, `\`)
}

var ascii = regexp.MustCompile(`^[ -~]*$`)

// element writes an element with a text.
func (p *page) element(tag, class, text string) {
	p.raw("<" + tag)
	if class != "" {
		p.raw(` class="` + class + `"`)
	}
	p.raw(">")
	p.escaped(text)
	p.raw("</" + tag + ">")
}

// marks are what the levels are called, for those who do not see colours.
var marks = map[string]string{Good: "OK", Warning: "Look", Bad: "Problem"}

func (p *page) mark(level string) {
	p.element("strong", "mark "+level, marks[level])
	p.raw(" ")
}

func (p *page) banner(s *State) {
	p.raw(`<header class="banner ` + s.Summary.Level + `"><p class="name">tenantguard</p><h1>`)
	p.mark(s.Summary.Level)
	p.escaped(s.Summary.Sentence)
	if !s.Summary.Since.IsZero() {
		p.raw(`</h1><p class="since">Since `)
		p.at(s.Summary.Since)
		p.raw(`</p>`)
	} else {
		p.raw(`</h1>`)
	}
	if len(s.Summary.Problems) > 0 {
		p.raw(`<ul class="problems">`)
		for _, problem := range s.Summary.Problems {
			p.raw("<li>")
			p.mark(problem.Level)
			p.escaped(problem.Text)
			p.raw("</li>")
		}
		p.raw("</ul>")
	}
	p.raw(`<p class="asof">As of `)
	p.at(s.Now)
	p.raw(`. <a href="./">Look again</a></p></header>`)
}

// at writes a time, and how long ago it is or how long there is until then.
func (p *page) at(t time.Time) {
	if t.IsZero() {
		p.raw("never")
		return
	}
	t = t.UTC()
	p.raw(`<time datetime="` + t.Format(time.RFC3339) + `">` +
		t.Format("2006-01-02 15:04:05") + " UTC</time>")
	if between := p.now.Sub(t); between >= time.Second {
		p.raw(" (" + length(between) + " ago)")
	} else if between <= -time.Second {
		p.raw(" (in " + length(-between) + ")")
	}
}

// length writes a duration in its largest unit.
func length(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	if d < 2*time.Hour {
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	if d < 48*time.Hour {
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

func (p *page) navigation() {
	p.raw(`<nav aria-label="Sections"><ul><li><a href="#routers">Routers</a></li>` +
		`<li><a href="#denials">Denials</a></li><li><a href="#reported">Report mode</a></li>` +
		`<li><a href="#hosts">Hosts</a></li><li><a href="#tenants">Tenants</a></li>` +
		`<li><a href="#policies">Policy</a></li><li><a href="#kubernetes">Kubernetes</a></li>` +
		`<li><a href="#self-check">Self-check</a></li></ul></nav>`)
}

// figures writes what is looked at first.
func (p *page) figures(s *State) {
	hour := map[string]int{}
	for _, c := range s.Denials.Counts {
		hour[c.Mode] += c.Hour
	}
	unguarded, open := "unknown", "unknown"
	if s.Traefik.Known {
		unguarded = strconv.Itoa(s.Traefik.Unguarded)
		open = strconv.Itoa(s.Traefik.Open)
	}
	p.raw(`<dl class="figures">`)
	p.figure("Tenants", strconv.Itoa(len(s.Tenants)), "")
	p.figure("Hosts in use", strconv.Itoa(len(s.Hosts)), "")
	p.figure("Denied in the last hour", strconv.Itoa(hour["enforce"]), "")
	p.figure("Let pass by report mode", strconv.Itoa(hour["report"]), "")
	p.figure("Routers that miss their guard", unguarded, levelOf(s.Traefik.Unguarded > 0, Bad))
	p.figure("Routers where no guard is", open, levelOf(s.Traefik.Open > 0, Warning))
	p.raw("</dl>")
}

func levelOf(is bool, level string) string {
	if is {
		return level
	}
	return ""
}

func (p *page) figure(name, value, level string) {
	p.raw(`<div><dt>`)
	p.escaped(name)
	p.raw(`</dt>`)
	p.element("dd", level, value)
	p.raw(`</div>`)
}

// filter is hidden where no script runs.
func (p *page) filter(s *State) {
	p.raw(`<form id="filter" hidden role="search"><label>Tenant <input type="search" id="tenant" ` +
		`list="names" autocomplete="off" spellcheck="false"></label><label>Host <input ` +
		`type="search" id="host" autocomplete="off" spellcheck="false"></label>` +
		`<button type="reset">Show all</button><p id="found" role="status"></p>` +
		`<datalist id="names">`)
	for i, tenant := range s.Tenants {
		if i < maxRows {
			p.raw(`<option value="`)
			p.escaped(tenant.Name)
			p.raw(`">`)
		}
	}
	p.raw(`</datalist></form>`)
}

// section begins a section. The caller ends it.
func (p *page) section(id, title string) {
	p.raw(`<section aria-labelledby="` + id + `"><h2 id="` + id + `">`)
	p.escaped(title)
	p.raw(`</h2>`)
}

func (p *page) none(text string) {
	p.element("p", "none", text)
}
