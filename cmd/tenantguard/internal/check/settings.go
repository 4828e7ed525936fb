package check

import (
	"fmt"
	"strings"

	"github.com/tenantguard/tenantguard/internal/policy"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
)

// settings looks at what is switched off, or on for a while only.
func (c *policyCheck) settings() {
	settings := c.loaded.Effective.Settings
	if settings.Report {
		c.add("report-mode", "mode", "mode",
			"Denials are logged and counted, and the requests pass, for all tenants without a "+
				"mode of their own.",
			"Enforce when the log has no denial any more.").Fix = "mode: enforce"
	}
	for i, tenant := range c.document.Tenants {
		if tenant.Mode == policy.ModeReport {
			c.add("report-mode", fmt.Sprintf("tenants[%d].mode", i), tenant.Name,
				fmt.Sprintf("Denials of tenant %q are logged and not carried out, unless they are "+
					"about a host of a tenant that enforces.", tenant.Name),
				"Enforce when the log has no denial of it any more.").Tenant = tenant.Name
		}
	}
	if settings.LegacyNames && !settings.Kubernetes.Enabled {
		c.add("legacy-names-trusted", "legacyNames", "legacyNames",
			"A router's legacy name proves no namespace, and a namespace that the policy does not "+
				"list can make one that reads as a tenant's.",
			"Turn providers.kubernetesCRD.safeNaming on, or kubernetes.enabled, and leave "+
				"legacyNames out.")
	}
	for _, text := range c.loaded.Parsed.Broad {
		_, _, value := partsOf(text)
		c.add("proxies-everybody", "trustedProxies", value, text,
			"Name the addresses of the load balancers alone.")
	}
}

// namespaces looks at namespaces that names confuse, and at what is wrong with those of the
// cluster.
func (c *policyCheck) namespaces() {
	for _, text := range c.loaded.Effective.Alike {
		c.alike(text)
	}
	c.alikePrefixes()
	for _, text := range c.loaded.Effective.LeftOut {
		c.mark("namespace-left-out", text, "Correct the label, or have the tenant list the "+
			"namespace: its routers are denied.")
	}
	for _, text := range c.loaded.Effective.WrongMarks {
		c.mark("namespace-marks", text, "Correct the annotation.")
	}
}

// doAlike is what to do about namespaces that are alike.
const doAlike = "Rename one of them, or keep Ingresses, legacy names and Traefik before 3.7 away " +
	"from both."

// alike says that the namespaces of a text of the plugin's are alike.
func (c *policyCheck) alike(text string) {
	c.add("namespaces-alike", "tenants", text, fmt.Sprintf("Traefik joins namespaces and names by "+
		"hyphens. So %s can have Ingresses, services and legacy names that are the same, and the "+
		"last one wins.", text), doAlike)
}

// alikePrefixes finds prefixes of one tenant that begin with a namespace of another and a hyphen,
// which the plugin looks for among namespaces alone.
func (c *policyCheck) alikePrefixes() {
	type owned struct{ namespace, tenant string }
	exact := map[string]string{}
	var prefixes []owned
	c.loaded.Effective.EachNamespace(func(namespace string, prefix bool, tenant *policy.Tenant) {
		if prefix {
			prefixes = append(prefixes, owned{namespace, tenant.Name})
		} else {
			exact[namespace] = tenant.Name
		}
	})
	for _, prefix := range prefixes {
		for i, letter := range prefix.namespace {
			one := prefix.namespace[:i]
			if tenant := exact[one]; letter == '-' && tenant != "" && tenant != prefix.tenant {
				c.alike(fmt.Sprintf("%q of tenant %q and %q of tenant %q",
					one, tenant, prefix.namespace+"*", prefix.tenant))
			}
		}
	}
}

// mark says what is wrong with a Namespace of the cluster, in the plugin's words.
func (c *policyCheck) mark(id, text, do string) {
	namespace := ""
	if rest, found := strings.CutPrefix(text, `namespace "`); found {
		namespace, _, _ = strings.Cut(rest, `"`)
	}
	f := c.add(id, "", namespace, text, do)
	f.Where = "namespace/" + namespace
	if namespace != "" {
		f.Fix = "kubectl edit namespace " + finding.Word(namespace)
	}
}

// tenants looks at tenants without hosts, and at those without routers.
func (c *policyCheck) tenants() {
	if c.loaded.Effective.Kubernetes.Enabled && !c.loaded.HasNamespaces {
		return // which may have them
	}
	merged := c.loaded.Merged()
	for i, tenant := range merged.Tenants {
		path := fmt.Sprintf("tenants[%d]", i)
		if len(tenant.Hosts) == 0 && tenant.Guest == nil {
			f := c.add("tenant-without-hosts", path, tenant.Name,
				fmt.Sprintf("Tenant %q owns no host: each of its routers is denied, as "+
					"host-unowned or host-foreign.", tenant.Name),
				"Give it the hosts that its routers serve.")
			f.Tenant = tenant.Name
			f.Fix = fmt.Sprintf("tenants:\n  - name: %s\n    hosts: [%s.example.com]",
				tenant.Name, tenant.Name)
		}
		if len(tenant.Namespaces)+len(tenant.Routers) == 0 {
			c.add("tenant-without-routers", path, tenant.Name,
				fmt.Sprintf("Tenant %q has neither namespaces nor routers: nothing can serve its "+
					"hosts but guests.", tenant.Name),
				"Nothing, if it only reserves them.").Tenant = tenant.Name
		}
		if g := tenant.Guest; g != nil && len(g.Paths) == 0 && contains(g.Hosts, "**") {
			c.add("guest-everywhere", path+".guest", tenant.Name,
				fmt.Sprintf("Routers of tenant %q may serve every path of every host.",
					tenant.Name),
				"Give the paths, if it need not be all.").Tenant = tenant.Name
		}
	}
}

func contains(list []string, one string) bool {
	for _, item := range list {
		if item == one {
			return true
		}
	}

	return false
}
