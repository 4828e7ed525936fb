package policy

import (
	"regexp"
	"strings"
	"time"
)

// Kubernetes is the section kubernetes.
type Kubernetes struct {
	// Enabled reads tenants from Namespaces.
	Enabled bool
	// Endpoint, TokenFile and CAFile are where the API is, "" for what a pod finds.
	Endpoint, TokenFile, CAFile string
	// Grace is how long a confirmed certificate outlives an API that can't be asked.
	Grace time.Duration
	// TenantLabel is the label whose value is a Namespace's tenant.
	TenantLabel string
	// HostRules are templates of the hosts of every Namespace with the label, separated by commas:
	// one text, so that settings compare.
	HostRules string
}

// templates returns the templates one by one.
func (k Kubernetes) templates() []string {
	if k.HostRules == "" {
		return nil
	}
	return strings.Split(k.HostRules, ",")
}

// DefaultGrace is Kubernetes.Grace when nothing else is said.
const DefaultGrace = 10 * time.Minute

// labelName is the name of a label, with the domain that a key of several programs has before it.
var labelName = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?` +
	`[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$`)

// kubernetes reads the section of that name.
func (d *decoder) kubernetes(value any) Kubernetes {
	k := Kubernetes{Grace: DefaultGrace, TenantLabel: TenantLabel}
	if value == nil {
		return k
	}
	section := d.section("kubernetes", value,
		"enabled", "endpoint", "tokenFile", "caFile", "grace", "tenantLabel", "hosts")
	k.Enabled = d.boolean("kubernetes.enabled", section["enabled"])
	k.Endpoint = d.text("kubernetes.endpoint", section["endpoint"])
	k.TokenFile = d.text("kubernetes.tokenFile", section["tokenFile"])
	k.CAFile = d.text("kubernetes.caFile", section["caFile"])
	if k.Endpoint != "" && !strings.HasPrefix(k.Endpoint, "https://") {
		d.fail("kubernetes.endpoint", k.Endpoint,
			"wanted an address that begins with https://, for Traefik's token is sent there")
	}
	if v := section["grace"]; v != nil {
		k.Grace = d.duration("kubernetes.grace", v)
	}
	if v := section["tenantLabel"]; v != nil {
		k.TenantLabel = d.text("kubernetes.tenantLabel", v)
		if !labelName.MatchString(k.TenantLabel) {
			d.fail("kubernetes.tenantLabel", v,
				`wanted the name of a label, such as "capsule.clastix.io/tenant"`)
		}
	}
	var templates []string
	d.each("kubernetes.hosts", section["hosts"], func(path, text string) {
		if wanted := templateError(text); wanted != "" {
			d.fail(path, text, wanted)
		}
		templates = append(templates, text)
	})
	k.HostRules = strings.Join(templates, ",")
	return k
}
