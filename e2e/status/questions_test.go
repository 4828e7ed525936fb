package status

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// tag is markup, between which a reader sees text.
var tag = regexp.MustCompile(`<[^>]*>`)

// textOf returns what a reader sees of a part of the page.
func textOf(part string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tag.ReplaceAllString(part, " "))), " ")
}

// section returns what a reader sees of one section, or of the head of the page for "".
func section(t *testing.T, page, id string) string {
	t.Helper()
	expression := `(?s)<header.*?</header>`
	if id != "" {
		expression = `(?s)<h2 id="` + id + `">.*?</section>`
	}
	part := regexp.MustCompile(expression).FindString(page)
	require.NotEmpty(t, part, id)
	return textOf(part)
}

// TestQuestions asks what operators ask, each of one place on the page.
func TestQuestions(t *testing.T) {
	w := start(t)
	w.Apply(t, withStatus(w.routes).Route("team-b-claim",
		"Host(`"+hostA+"`) && PathPrefix(`/claim`)", w.teamB))
	require.Equal(t, "team-a", w.ask(t, hostA, hostA, "/").Tenant())
	for range 3 {
		require.Equal(t, "host-foreign", w.ask(t, hostA, hostA, "/claim").Reason())
	}
	page := w.get(t, "").Body
	questions := []struct {
		question, section string
		answers           []string
	}{
		{"is it in force on every entry point", "",
			[]string{"In force on every entry point. Since 20"}},
		{"why was this denied, and whose is the host", "denials",
			[]string{
				`router of the tenant team-b serves "` + hostA + `", which is the tenant team-a's.`,
				", 3 times since 20", "router team-b-claim@file",
			}},
		{"denials per tenant in the last hour", "denials", []string{"team-b host-foreign 3 3"}},
		{"which certificate is served for a host, and whose is it", "hosts",
			[]string{hostA + " team-a pass", "issued by CN=platform CA", w.certA.Pin(),
				"names, verified to roots"}},
		{"which tenants and hosts are there", "tenants",
			[]string{"team-a enforce team-a-*@file " + hostA + " names, roots 0",
				"team-b enforce team-b-*@file " + hostB + " names, roots 3"}},
	}
	for _, q := range questions {
		seen := section(t, page, q.section)
		for _, answer := range q.answers {
			assert.Contains(t, seen, answer, q.question)
		}
	}
}

// TestFilter has the browser show one tenant, and what is about one host.
func TestFilter(t *testing.T) {
	w := start(t)
	for _, host := range []string{hostA, hostB} {
		require.Equal(t, 200, w.ask(t, host, host, "/").Status)
	}
	rows := []struct{ query, shown, hidden string }{
		{"?tenant=team-a", hostA, hostB},
		{"?host=" + hostB, hostB, hostA},
	}
	for _, row := range rows {
		page := w.browse(t, views[0], row.query, "--dump-dom")
		cell := func(host string) string {
			return regexp.MustCompile(`<tr[^>]*data-host="` + host + `"[^>]*>`).FindString(page)
		}
		assert.NotContains(t, cell(row.shown), "data-hidden", row.query)
		assert.Contains(t, cell(row.hidden), "data-hidden", row.query)
		assert.Contains(t, page, "rows shown")
	}
}

// TestAccessible looks for what a screen reader and a keyboard need.
func TestAccessible(t *testing.T) {
	w := start(t)
	w.Apply(t, withStatus(w.routes).Guard("other", lab.Map{"tenants": "wrong"}))
	page := w.document(t)
	for _, wanted := range []string{
		`<html lang="en">`, `<main id="main">`, `<a class="skip" href="#main">`,
		`<nav aria-label="Sections">`, `<meta name="viewport"`, `<h1>`,
	} {
		assert.Contains(t, page, wanted)
	}
	ids := map[string]bool{}
	for _, match := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		assert.False(t, ids[match[1]], "two elements %q", match[1])
		ids[match[1]] = true
	}
	for _, match := range regexp.MustCompile(`(?:href="#|labelledby=")([^"]*)"`).
		FindAllStringSubmatch(page, -1) {
		assert.True(t, ids[match[1]], "no element %q", match[1])
	}
	assert.Equal(t, strings.Count(page, "<table"), strings.Count(page, "<caption>"))
	assert.NotRegexp(t, `(?:src|href)="(?:https?:)?//`, page, "nothing from elsewhere")
	assert.NotContains(t, page, " style=")
	assert.NotContains(t, page, ` onclick=`)
}
