package loader

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/status"
)

const (
	// window is how long the log suppresses identical denials, and a little more.
	window = 11 * time.Second
	// maxKinds is how many different ones it has lines for in that time, and a few less.
	maxKinds = 900
)

// denialKey is what denials are counted by.
type denialKey struct{ tenant, reason, mode string }

// assertStatusAgrees wants the log, the metrics, /status.json and the page to count the same
// denials, and to say the same of each. wanted counts them by their code.
func assertStatusAgrees(t *testing.T, plugin *Plugin, wanted map[string]int) {
	t.Helper()
	time.Sleep(window)
	page, err := plugin.New(t.Context(), teapot, map[string]any{"status": true}, "status@file")
	require.NoError(t, err)
	get := func(path string) string {
		recorder := httptest.NewRecorder()
		page.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, http.StatusOK, recorder.Code, path)
		return recorder.Body.String()
	}
	var state status.State
	require.NoError(t, json.Unmarshal([]byte(get("/x/status.json")), &state))
	counted := map[denialKey]int{}
	reasons := map[string]int{}
	for _, c := range state.Denials.Counts {
		counted[denialKey{c.Tenant, c.Reason, c.Mode}] = c.Total
		reasons[c.Reason] += c.Total
		assert.Equal(t, c.Total, c.Hour)
	}
	assert.Equal(t, wanted, reasons)
	logged, lines := loggedDenials(plugin)
	assert.Equal(t, counted, logged, "the log")
	assert.Equal(t, counted, countedByMetrics(t, get("/x/metrics")), "the metrics")
	seen := get("/x/")
	assert.Equal(t, counted, countedByPage(seen), "the page")
	assert.NotEmpty(t, state.Denials.Latest)
	for _, latest := range state.Denials.Latest {
		assert.Contains(t, lines, line(latest.Denial), "the latest denials are in the log")
		assert.Contains(t, seen, html.EscapeString(latest.Words))
	}
}

// loggedDenials counts the denials of a log, those that were suppressed too, and returns what each
// line says.
func loggedDenials(plugin *Plugin) (map[denialKey]int, []string) {
	counted := map[denialKey]int{}
	var lines []string
	for _, text := range plugin.Log.Lines() {
		var d report.Denial
		if json.Unmarshal([]byte(text), &d) == nil && d.Event == "deny" {
			counted[denialKey{d.Tenant, d.Reason, d.Mode}] += 1 + d.Suppressed
			lines = append(lines, line(d))
		}
	}
	return counted, lines
}

// line is what identical denials have in common. Of several, the log has the first one and the page
// the last.
func line(d report.Denial) string {
	return fmt.Sprintf("%q", []string{d.Event, d.Level, d.Mode, d.Reason, fmt.Sprint(d.Status),
		d.Router, d.Namespace, d.Tenant, d.Host, d.SNI, d.Certificate})
}

func countedByMetrics(t *testing.T, metrics string) map[denialKey]int {
	t.Helper()
	counted := map[denialKey]int{}
	value := regexp.MustCompile(
		`(?m)^tenantguard_denials_total\{tenant="(.*)",reason="(.*)",mode="(.*)"\} (\d+)$`)
	for _, match := range value.FindAllStringSubmatch(metrics, -1) {
		count := 0
		_, err := fmt.Sscan(match[4], &count)
		require.NoError(t, err)
		counted[denialKey{match[1], match[2], match[3]}] = count
	}
	return counted
}

// countedByPage reads the tables of denials, of which there is one for each mode.
func countedByPage(page string) map[denialKey]int {
	counted := map[denialKey]int{}
	section := regexp.MustCompile(`(?s)<h2 id="(denials|reported)">.*?</section>`)
	row := regexp.MustCompile(`<td role="cell" data-label="Tenant">([^<]*)</td>` +
		`<td role="cell" data-label="Reason"><code>([^<]*)</code></td>` +
		`<td role="cell" data-label="Last hour">\d+</td>` +
		`<td role="cell" data-label="Since the start">(\d+)</td>`)
	modes := map[string]string{"denials": "enforce", "reported": "report"}
	for _, part := range section.FindAllStringSubmatch(page, -1) {
		for _, match := range row.FindAllStringSubmatch(part[0], -1) {
			tenant, count := match[1], 0
			if tenant == "(no tenant)" {
				tenant = ""
			}
			fmt.Sscan(match[3], &count)
			counted[denialKey{tenant, match[2], modes[part[1]]}] = count
		}
	}
	return counted
}
