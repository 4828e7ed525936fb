package policy

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/text"
)

// Parsed is what the keys of a policy say, before Namespaces are laid over it. It does not change
// once it is made.
type Parsed struct {
	// Policy is the policy without Namespaces.
	Policy *Policy
	// patterns are those of Policy.Hosts.
	patterns []ownedPattern
	// general are the settings of the tenants that only Namespaces make.
	general Certificates
	// tenantLabel is the label that Namespaces are read by, and templates are the hosts of each.
	tenantLabel string
	templates   []string
}

type ownedPattern struct {
	pattern hosts.Pattern
	owner   string
}

// builder makes a Parsed from its keys.
type builder struct {
	decoder
	policy   *Policy
	patterns []ownedPattern
	// readFile reads a file of roots.
	readFile func(path string) (string, error)
	// refusal is why the keys are not the operator's, "" if they are.
	refusal string
	pools   map[string]*x509.CertPool
	// digests are those of pools.
	digests map[*x509.CertPool]string
	// optional reports whether tenants may come from the cluster alone.
	optional bool
	claims   map[string]claim
	routers  map[string]*Tenant
}

// Parse reads the keys of a policy: tenants, shared, certificates. readFile reads a file of
// roots. refusal is why the keys are not the operator's, "" if they are. clustered reports
// whether a cluster is asked: then tenants may come from there, and certificates are looked for
// in Secrets. The result is nil where there are errors.
func Parse(
	raw map[string]any, readFile func(path string) (string, error), refusal string, clustered bool,
) (*Parsed, []string) {
	b := &builder{
		readFile: readFile,
		refusal:  refusal,
		optional: clustered,
		pools:    map[string]*x509.CertPool{},
		digests:  map[*x509.CertPool]string{},
		claims:   map[string]claim{},
		routers:  map[string]*Tenant{},
		policy:   newPolicy(),
	}
	b.shared(raw["shared"])
	defaults := Certificates{Check: true, TTL: DefaultTTL, Secrets: clustered}
	general := b.certificates("certificates", raw["certificates"], defaults)
	b.tenants(raw["tenants"], general)
	b.bindNamespaces()
	if len(b.errs) > 0 {
		return nil, b.errs
	}
	b.policy.listOwned()
	return &Parsed{Policy: b.policy, patterns: b.patterns, general: general}, nil
}

func (b *builder) shared(value any) {
	if value == nil {
		return
	}
	section := b.section("shared", value, "hosts", "namespaces", "pins")
	b.each("shared.namespaces", section["namespaces"], func(path, name string) {
		if !text.IsNamespace(name) {
			b.fail(path, name, "wanted a namespace")
		}
		b.policy.SharedNamespaces = append(b.policy.SharedNamespaces, name)
	})
	b.each("shared.hosts", section["hosts"], func(path, text string) {
		b.addHost(path, text, b.policy.SharedHosts, SharedOwner)
	})
	b.policy.SharedPins = b.pins("shared.pins", section["pins"])
}

func (b *builder) tenants(value any, general Certificates) {
	if value != nil {
		for i, item := range b.list("tenants", value) {
			if b.full() {
				break
			}
			b.tenant(index("tenants", i), item, general)
		}
	}
	if value != nil && !b.optional && len(b.policy.Tenants)+len(b.errs) == 0 {
		b.fail("tenants", value, "wanted at least one tenant")
	}
}

func (b *builder) tenant(path string, value any, general Certificates) {
	b.decoder.tenant = nameIn(value)
	defer func() { b.decoder.tenant = "" }()
	section := b.section(path, value, "name", "namespaces", "routers", "hosts", "mode",
		"certificates", "kubernetesNamespaces", "guest")
	if section == nil {
		return
	}
	tenant := &Tenant{
		Name:            b.text(path+".name", section["name"]),
		configured:      true,
		takesNamespaces: b.boolean(path+".kubernetesNamespaces", section["kubernetesNamespaces"]),
	}
	b.name(path, tenant)
	if section["mode"] != nil {
		tenant.Mode = b.choice(path+".mode", section["mode"], ModeEnforce, ModeReport)
	}
	items := b.each(path+".namespaces", section["namespaces"], func(path, text string) {
		b.claimNamespace(path, text, tenant)
	})
	items += b.each(path+".routers", section["routers"], func(path, text string) {
		b.addRouter(path, text, tenant)
	})
	items += b.each(path+".hosts", section["hosts"], func(path, text string) {
		pattern := b.addHost(path, text, b.policy.Hosts, tenant.Name)
		b.patterns = append(b.patterns, ownedPattern{pattern: pattern, owner: tenant.Name})
	})
	if items == 0 && !tenant.takesNamespaces {
		b.fail(path, tenant.Name, "the tenant is empty, wanted namespaces, routers or hosts")
	}
	tenant.Guest = b.guest(path+".guest", section["guest"])
	tenant.Certificates = b.certificates(path+".certificates", section["certificates"], general)
	b.policy.addTenant(tenant)
}

// nameIn returns the name of a tenant that is not read yet, "" for none.
func nameIn(value any) string {
	values, _ := asMap(value)
	for key, value := range values {
		if name, ok := value.(string); ok && strings.EqualFold(key, "name") {
			return name
		}
	}
	return ""
}

func (b *builder) name(path string, tenant *Tenant) {
	if tenant.Name == "" {
		b.fail(path+".name", "", "wanted the tenant's name")
		tenant.Name = path
	} else if b.policy.byName[tenant.Name] != nil {
		b.fail(path+".name", tenant.Name, "another tenant has this name")
	}
}

func (b *builder) addHost(path, text string, table *hosts.Table, owner string) hosts.Pattern {
	pattern, err := hosts.ParsePattern(text)
	if err != nil {
		b.fail(path, text, err.Error())
		return pattern
	}
	if other := table.Add(pattern, owner); other != "" && other != owner {
		b.fail(path, text, "tenant "+quote(other)+" claims this host as well")
	}
	if reason := tooBroad(pattern); reason != "" {
		b.warn(path, text, reason)
	}
	return pattern
}

// certificates reads a section over the settings it replaces key by key.
func (b *builder) certificates(path string, value any, base Certificates) Certificates {
	if value == nil {
		return base
	}
	section := b.section(path, value,
		"check", "roots", "pins", "secrets", "ttl", "observe", "onError")
	c := base
	if v := section["check"]; v != nil {
		c.Check = b.choice(path+".check", v, "served", "off") == "served"
	}
	if v := section["roots"]; v != nil {
		c.Roots = b.roots(path+".roots", v)
		c.RootsDigest = b.digests[c.Roots]
	}
	if v := section["pins"]; v != nil {
		c.Pins = b.pins(path+".pins", v)
	}
	if v := section["secrets"]; v != nil {
		c.Secrets = b.boolean(path+".secrets", v)
		if c.Secrets && b.refusal != "" { // it is Traefik's token that reads Secrets
			b.fail(path+".secrets", v, operatorsAlone(b.refusal))
		}
	}
	if v := section["ttl"]; v != nil {
		c.TTL = b.duration(path+".ttl", v)
	}
	if v := section["observe"]; v != nil {
		c.AcrossReloads = b.choice(path+".observe", v, "reload", "ttl") == "ttl"
	}
	if v := section["onError"]; v != nil {
		c.AllowUnobserved = b.choice(path+".onError", v, "deny", "allow") == "allow"
	}
	return c
}

// roots reads "none", "system" or the path of a PEM file.
func (b *builder) roots(path string, value any) *x509.CertPool {
	text := b.text(path, value)
	if text == "none" || text == "" {
		return nil
	}
	if b.pools[text] != nil {
		return b.pools[text]
	}
	pool, err := b.pool(text)
	if err != "" {
		b.fail(path, value, err)
		return x509.NewCertPool()
	}
	b.pools[text] = pool
	return pool
}

func (b *builder) pool(text string) (*x509.CertPool, string) {
	if text == "system" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, "the system's roots can't be read: " + err.Error()
		}
		b.digests[pool] = text
		return pool, ""
	}
	if b.refusal != "" {
		return nil, operatorsAlone(b.refusal)
	}
	pem, err := b.readFile(text)
	if err != nil {
		return nil, `wanted "none", "system" or the path of a PEM file: ` + err.Error()
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(pem)) {
		return nil, "wanted a PEM file with a certificate"
	}
	b.digests[pool] = digestOf(pem)
	return pool, ""
}

// pins reads SPKI pins. A malformed one is an error (RFC 7469 has a browser ignore it): it would
// match nothing.
func (b *builder) pins(path string, value any) map[string]bool {
	pins := map[string]bool{}
	b.each(path, value, func(path, text string) {
		encoded, ok := strings.CutPrefix(text, "sha256/")
		digest, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || len(digest) != sha256.Size {
			b.fail(path, text, `wanted "sha256/" and the base64 of a certificate's SPKI digest`)
		}
		pins[text] = true
	})
	return pins
}
