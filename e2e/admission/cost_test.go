package admission_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
)

var cost = flag.Bool("cost", false, "measure what the policies cost the API server")

// TestCost measures the figures of docs/kubernetes.md: go test -run TestCost -v -cost.
func TestCost(t *testing.T) {
	if !*cost {
		t.Skip("figures from a busy machine prove nothing: -cost measures")
	}
	c := cluster.Start(t)
	var patterns []string
	for i := range 1000 {
		patterns = append(patterns, fmt.Sprintf("*.%d.%s.test", i, strings.Repeat("x", 40)))
	}
	acme := c.Tenant(t, "acme", "tenantguard.io/tenant=acme",
		"@tenantguard.io/hosts=a.test, *.a.test")
	large := c.Tenant(t, "large", "tenantguard.io/tenant=large",
		"@tenantguard.io/hosts="+strings.Join(patterns, ","))

	const rule = "Host(`a.test`) && PathPrefix(`/api`)"
	many := func(count int, match string) string {
		routes := strings.Repeat(fmt.Sprintf("{kind: Rule, match: %q}, ", match), count)
		return "{apiVersion: traefik.io/v1alpha1, kind: IngressRoute, metadata: {name: web}, " +
			"spec: {routes: [" + routes + "]}}"
	}
	names := func(count int, name string) string {
		return route("Host(`"+name+"`)", ", tls: {domains: [{main: "+name+", sans: ["+
			strings.Repeat(name+", ", count)+"]}]}")
	}
	objects := []struct {
		tenant                *cluster.Tenant
		description, manifest string
		count                 int
	}{
		{acme, "IngressRoute", route(rule, ""), 200},
		{acme, "Ingress", ingress("", "host: a.test"), 200},
		{acme, "HTTPRoute", httpRoute("[a.test]", "traefik", "[{name: web, port: 80}]"), 200},
		{acme, "Secret",
			secret("{tls.crt: '-----BEGIN X-----', tls.key: '-----BEGIN X-----'}"), 200},
		{large, "IngressRoute, 1,000 patterns", route("Host(`x.999."+strings.Repeat("x", 40)+
			".test`)", ""), 20},
		{large, "20 hosts, 1,000 patterns", names(18, "x.999."+strings.Repeat("x", 40)+".test"), 5},
		{acme, "1,000 rules of 1,000 characters", many(1000, "Host(`a.test`) && ("+
			strings.TrimSuffix(strings.Repeat("Path(`/`) || ", 75), " || ")+")"), 3},
		{acme, "20 rules of 1,000 characters", many(20, "Host(`a.test`) && ("+
			strings.TrimSuffix(strings.Repeat("Path(`/`) || ", 75), " || ")+")"), 3},
		{acme, "20 rules of 1,000 parentheses", many(20, strings.Repeat("(", 1000)), 3},
		{acme, "2,200 names", names(2200, "x.a.test"), 3},
		{acme, "1,000 rules of 1,000 parentheses", many(1000, strings.Repeat("(", 1000)), 3},
		{acme, "9,000 names", names(9000, "x.a.test"), 3},
		{acme, "9,900 names of 100 characters", names(9900, strings.Repeat("x.", 47)+"a.test"), 3},
		{acme, "a name of 1 MB", names(0, strings.Repeat("x.", 300_000)+"a.test"), 3},
		{acme, "an Ingress with 20 KB of aliases", ingress(
			"nginx.ingress.kubernetes.io/server-alias: '"+strings.Repeat("x.a.test,", 2_200)+"'",
			"host: a.test"), 3},
		{acme, "an Ingress with 200 KB of annotations", ingress(
			"nginx.ingress.kubernetes.io/server-alias: '"+strings.Repeat("x.a.test,", 22_000)+"'",
			"host: a.test"), 3},
	}
	measure := func(which string) {
		for _, o := range objects {
			before := serverTime(t, c)
			var took []time.Duration
			var err error
			for range o.count {
				began := time.Now()
				err = dryRun(t, o.tenant.Config, o.tenant.Namespace, o.manifest)
				took = append(took, time.Since(began))
			}
			used := (serverTime(t, c) - before) / time.Duration(o.count)
			slices.Sort(took)
			said := fmt.Sprint(err)
			t.Logf("%s: %s: %v of processor time, median %v, most %v: %s", which, o.description,
				used.Round(100*time.Microsecond),
				took[len(took)/2].Round(10*time.Microsecond),
				took[len(took)-1].Round(10*time.Microsecond), said[:min(len(said), 300)])
		}
	}
	measure("without")
	apply(t, c, "policies/*.yaml", "deny/*.yaml")
	c.AwaitPolicies(t)
	measure("with")
}

// serverTime returns how much processor time the API server has used.
func serverTime(t *testing.T, c *cluster.Cluster) time.Duration {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	for _, process := range processes {
		command, _ := os.ReadFile(filepath.Join(process, "cmdline"))
		if !strings.Contains(string(command), c.Dir) ||
			!strings.Contains(string(command), "kube-apiserver") {
			continue
		}
		status, err := os.ReadFile(filepath.Join(process, "stat"))
		require.NoError(t, err)
		fields := strings.Fields(string(status))
		ticks := 0
		for _, field := range fields[13:15] {
			n, err := strconv.Atoi(field)
			require.NoError(t, err)
			ticks += n
		}
		return time.Duration(ticks) * 10 * time.Millisecond
	}
	require.Fail(t, "no kube-apiserver is running")

	return 0
}
