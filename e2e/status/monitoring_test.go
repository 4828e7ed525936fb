package status

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/internal/kube/kubetest"
	"github.com/tenantguard/tenantguard/internal/status"
	"gopkg.in/yaml.v3"
)

// TestMetrics reads the metrics with Prometheus' own parser and linter, and wants each that the
// rules and the dashboard ask for.
func TestMetrics(t *testing.T) {
	api := kubetest.Start(t, &kubetest.Cluster{Namespaces: []kubetest.Namespace{{
		Name: "acme", Created: "2026-01-01T00:00:00Z",
	}}})
	w := start(t, lab.Map{"kubernetes": lab.Map{
		"enabled": true, "endpoint": api.Endpoint, "tokenFile": api.TokenFile, "caFile": api.CAFile,
	}, "certificates": lab.Map{"secrets": false}})
	require.Equal(t, "team-a", w.ask(t, hostA, hostA, "/").Tenant())
	require.Equal(t, "sni-foreign", w.ask(t, hostA, hostB, "/").Reason())
	w.wait(t, func(s status.State) error {
		if len(s.Kubernetes) == 0 {
			return errors.New("the Namespaces are not watched yet")
		}
		return nil
	})
	text := w.get(t, "metrics").Body
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	require.NoError(t, err)
	assert.Empty(t, problems)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	require.NoError(t, err)
	for _, file := range []string{"prometheus-rules.yml", "grafana-dashboard.json"} {
		for _, name := range metricName.FindAllString(read(t, file), -1) {
			assert.Contains(t, families, name, file)
		}
	}
	rules := read(t, "prometheus-rules.yml") + read(t, "grafana-dashboard.json")
	for name := range families {
		if name != "tenantguard_kubernetes_namespaces" &&
			name != "tenantguard_kubernetes_last_list_timestamp_seconds" {
			assert.Contains(t, rules, name, "what nobody looks at")
		}
	}
}

var metricName = regexp.MustCompile(`tenantguard_[a-z_]+`)

func read(t *testing.T, name string) string {
	t.Helper()
	root, err := repo.Root()
	require.NoError(t, err)
	content, err := os.ReadFile(filepath.Join(root, "examples", "monitoring", name))
	require.NoError(t, err)
	return string(content)
}

// TestRules checks the rules as promtool does.
func TestRules(t *testing.T) {
	groups, problems := rulefmt.Parse([]byte(read(t, "prometheus-rules.yml")), false,
		model.UTF8Validation)
	require.Empty(t, problems)
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			_, err := parser.ParseExpr(rule.Expr)
			assert.NoError(t, err, rule.Alert)
			assert.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
			assert.NotEmpty(t, rule.Labels["severity"], rule.Alert)
		}
	}
}

// dashboard is what is decoded of Grafana's model.
type dashboard struct {
	Title      string
	UID        string
	Templating struct {
		List []struct{ Name, Type string }
	}
	Panels []struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ RefID, Expr string }
	}
}

// variable is one of Grafana's in a query. An interval is none that PromQL knows.
var variable = regexp.MustCompile(`\$__rate_interval|\$\w+`)

func TestDashboard(t *testing.T) {
	var d dashboard
	require.NoError(t, json.Unmarshal([]byte(read(t, "grafana-dashboard.json")), &d))
	assert.Equal(t, "tenantguard", d.Title)
	variables := map[string]bool{"$__rate_interval": true}
	for _, v := range d.Templating.List {
		variables["$"+v.Name] = true
	}
	ids := map[int]bool{}
	for _, panel := range d.Panels {
		assert.False(t, ids[panel.ID], panel.Title)
		ids[panel.ID] = true
		assert.LessOrEqual(t, panel.GridPos.X+panel.GridPos.W, 24, panel.Title)
		require.NotEmpty(t, panel.Targets, panel.Title)
		for _, target := range panel.Targets {
			for _, name := range variable.FindAllString(target.Expr, -1) {
				assert.True(t, variables[name], "%s: %s", panel.Title, name)
			}
			query := strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")
			_, err := parser.ParseExpr(variable.ReplaceAllString(query, "x"))
			assert.NoError(t, err, panel.Title)
		}
	}
}

// lokiPattern is a regular expression of a LogQL query, which are Go's.
var lokiPattern = regexp.MustCompile("(?:regexp|\\|~|\\|=) `([^`]*)`")

// TestLokiRules matches the patterns of the rules with lines of a real Traefik, in both formats.
func TestLokiRules(t *testing.T) {
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Record, Expr string }
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "loki-rules.yml")), &rules))
	queries := map[string]string{}
	for _, rule := range rules.Groups[0].Rules {
		queries[rule.Alert+rule.Record] = rule.Expr
	}
	for _, format := range []string{"common", "json"} {
		w := newBackends(t)
		w.Traefik = lab.Start(t, lab.Options{
			Guard: w.guard(), Dynamic: withStatus(w.routes).Route("team-b-claim",
				"Host(`"+hostA+"`) && PathPrefix(`/claim`)", w.teamB),
			LogFormat: format,
		})
		require.Equal(t, "host-foreign", w.ask(t, hostA, hostA, "/claim").Reason())
		line := w.Log.Wait(t, "host-foreign")
		for _, name := range []string{"TenantguardAttack", "tenantguard:denials:hour"} {
			for _, pattern := range lokiPattern.FindAllStringSubmatch(queries[name], -1) {
				compiled := regexp.MustCompile(pattern[1])
				match := compiled.FindStringSubmatch(line)
				require.NotNil(t, match, "%s: %s: %s", format, pattern[1], line)
				assert.Equal(t, "host-foreign", match[compiled.SubexpIndex("reason")])
				assert.Equal(t, "team-b", match[compiled.SubexpIndex("tenant")])
			}
		}
		w.ApplyGuard(t, lab.Map{"tenants": "wrong"})
		w.ask(t, hostA, hostA, "/")
		broken := w.Log.Wait(t, "the policy is refused")
		for _, pattern := range lokiPattern.FindAllStringSubmatch(
			queries["TenantguardPolicyErrors"], -1) {
			assert.Regexp(t, pattern[1], broken)
		}
	}
}
