package kubernetes_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
)

// TestNamespacesOfTheField has what operators do with Namespaces, and what looks alike and is an
// attack.
func TestNamespacesOfTheField(t *testing.T) {
	traefik.Need(t, traefik.SafeNames, "safe names")
	l := newFieldLab(t)
	t.Run("wrong marks", func(t *testing.T) { testWrongMarks(t, l) })
	t.Run("Namespace and route at once", func(t *testing.T) { testPreviews(t, l) })
	t.Run("hosts by rule", func(t *testing.T) { testRules(t, l) })
	t.Run("certificate before its Secret", func(t *testing.T) { testLateSecret(t, l) })
	t.Run("long annotation", func(t *testing.T) { testLongAnnotation(t, l) })
	t.Run("fresh guard", func(t *testing.T) { testFreshGuard(t, l) })
}

// testWrongMarks writes a typo and another tenant's host into the annotation of a Namespace that
// runs, and moves a host from one tenant to the other.
func testWrongMarks(t *testing.T, l *fieldLab) {
	older := l.member(t, "older", "tenantguard.io/tenant=older",
		"@tenantguard.io/hosts=older.test,moving.test")
	younger := l.member(t, "younger", "tenantguard.io/tenant=younger",
		"@tenantguard.io/hosts=younger.test")
	older.serve(t, "older.test", l.off, l.on)
	younger.serve(t, "younger.test", l.off, l.on)
	until(t, l.on, "older.test", "older")
	until(t, l.on, "younger.test", "younger")

	all := startClients(t, l.on.Addr("websecure"), "older.test", "younger.test")
	l.Namespace(t, "younger", "tenantguard.io/tenant=younger", "tenantguard.io/Mode=report",
		"@tenantguard.io/hosts=younger..test,moving.test,older.test,younger.test,")
	for _, wrong := range []string{
		`\"younger..test\"`, `\"moving.test\": tenant \"older\" has this host`,
		`\"older.test\": tenant \"older\" has this host`, `label \"tenantguard.io/Mode\": unknown`,
	} {
		l.on.Log.Wait(t, wrong)
	}
	// Traefik serves the younger Namespace's route to the host that it claims doubly.
	younger.serve(t, "moving.test", l.off, l.on)
	until(t, l.off, "moving.test", "younger")
	until(t, l.on, "moving.test", "host-foreign")

	l.Namespace(t, "older", "tenantguard.io/tenant=older", "@tenantguard.io/hosts=older.test")
	until(t, l.on, "moving.test", "younger")
	all.end(t, map[string]string{"older.test": "older", "younger.test": "younger"})
}

// testPreviews applies Namespaces together with their routes while the guard hears of no new
// Namespace by itself. A Namespace without a tenant stays without.
func testPreviews(t *testing.T, l *fieldLab) {
	l.proxy.Set(cluster.Faults{Stall: true, Only: ofGuard})
	defer l.proxy.Set(cluster.Faults{})
	var asked []*clients
	wants := map[string]string{}
	for i := range 4 {
		name, label := fmt.Sprintf("preview-%d", i), "tenantguard.io/tenant=previews"
		host := name + ".test"
		wants[host] = name
		if i == 3 {
			label = "team=previews"
			wants[host] = "router-unbound"
		}
		asked = append(asked, startClients(t, l.on.Addr("websecure"), host))
		preview := l.member(t, name, label, "@tenantguard.io/hosts="+host)
		preview.serve(t, host, l.off, l.on)
		until(t, l.off, host, name)
	}
	time.Sleep(2 * time.Second)
	for _, c := range asked {
		for host := range c.answers {
			c.end(t, map[string]string{host: wants[host]})
		}
	}
}

// testRules gives Namespaces their hosts by rules, and has a tenant create Namespaces whose names
// would give it hosts of another.
func testRules(t *testing.T, l *fieldLab) {
	const label = "capsule.clastix.io/tenant"
	ruled := l.traefik(t, 3, lab.Map{"kubernetes": lab.Map{
		"enabled": true, "endpoint": l.proxy.URL, "tokenFile": l.token, "caFile": l.CAFile,
		"tenantLabel": label, "hosts": []string{"{namespace}.apps.test", "*.{tenant}.own.test"},
	}})
	shop := l.member(t, "shop", label+"=acme")
	rich := l.member(t, "rich", label+"=rich",
		"@tenantguard.io/hosts=pay.apps.test,**.wide.apps.test,wide.apps.test,*.pay.evil.own.test")
	time.Sleep(1100 * time.Millisecond) // the older claim stays, by the second
	pay := l.member(t, "pay", label+"=evil")
	wide := l.member(t, "wide", label+"=evil")
	dotted := l.member(t, "dotted", label+"=pay.evil")
	ours := l.member(t, "ours", "tenantguard.io/tenant=ours")

	shop.serve(t, "shop.apps.test", l.off, ruled)
	shop.serve(t, "x.acme.own.test", l.off, ruled)
	pay.serve(t, "pay.apps.test", l.off, ruled)
	pay.serve(t, "x.evil.own.test", l.off, ruled)
	wide.serve(t, "wide.apps.test", l.off, ruled)
	dotted.serve(t, "x.pay.evil.own.test", l.off, ruled)
	ours.serve(t, "ours.apps.test", l.off, ruled)
	rich.serve(t, "a.wide.apps.test", l.off, ruled)
	for _, row := range []struct{ host, off, on string }{
		{"shop.apps.test", "shop", "shop"},
		{"x.acme.own.test", "shop", "shop"},
		{"pay.apps.test", "pay", "host-foreign"},
		{"x.evil.own.test", "pay", "pay"},
		{"wide.apps.test", "wide", "host-foreign"},
		{"x.pay.evil.own.test", "dotted", "host-foreign"},
		{"ours.apps.test", "ours", "router-unbound"},
		{"a.wide.apps.test", "rich", "rich"},
	} {
		until(t, l.off, row.host, row.off)
		until(t, ruled, row.host, row.on)
	}
	ruled.Stop()
}

// testLateSecret has a platform's copy of a certificate served for a tenant's host before the
// tenant has it.
func testLateSecret(t *testing.T, l *fieldLab) {
	const host = "late.test"
	late := l.member(t, "late", "tenantguard.io/tenant=late", "@tenantguard.io/hosts="+host)
	platform := l.member(t, "platform", "tenantguard.io/tenant=platform")
	wildcard := lab.SelfSigned(t, host)
	platform.serveWith(t, "platform.test", wildcard, l.off, l.on)
	late.Apply(t, late.route("late", "Host(`"+host+"`)", "entryPoints: [websecure], tls: {}"))
	l.on.WaitRouter(t, cluster.ForHost(host))
	l.off.WaitRouter(t, cluster.ForHost(host))
	until(t, l.off, host, "late")
	until(t, l.on, host, "certificate-secret")

	late.Secret(t, "copy", wildcard)
	copied := time.Now()
	until(t, l.on, host, "late")
	took := time.Since(copied)
	t.Logf("a certificate is served %s after its Secret is there", took.Round(time.Millisecond))
	assert.Less(t, took, 4*time.Second)
}

// testFreshGuard starts Traefiks while clients ask them already.
func testFreshGuard(t *testing.T, l *fieldLab) {
	wants := map[string]string{}
	var hosts []string
	for i := range 6 {
		name := fmt.Sprintf("fresh-%d", i)
		host := name + ".test"
		member := l.member(t, name, "tenantguard.io/tenant="+name, "@tenantguard.io/hosts="+host)
		member.serve(t, host, l.off)
		wants[host] = name
		hosts = append(hosts, host)
	}
	l.proxy.Set(cluster.Faults{Latency: 300 * time.Millisecond, Only: ofGuard})
	defer l.proxy.Set(cluster.Faults{})
	for i, mode := range []string{"enforce", "report"} {
		address := 4 + i
		websecure := fmt.Sprintf("127.0.0.%d:%d", address, l.off.Port("websecure"))
		all := startClients(t, websecure, hosts...)
		tr := l.traefik(t, address, lab.Map{"mode": mode})
		require.Equal(t, websecure, tr.Addr("websecure"))
		for _, host := range hosts {
			tr.WaitRouter(t, cluster.ForHost(host))
		}
		time.Sleep(2 * time.Second)
		all.end(t, wants)
		assert.Empty(t, tr.Log.Denials(), mode)
		tr.Stop()
	}
}
