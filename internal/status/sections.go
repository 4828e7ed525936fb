package status

import (
	"strconv"
	"strings"

	"github.com/tenantguard/tenantguard/internal/report"
)

func (p *page) routers(s *State) {
	p.section("routers", "Entry points and routers")
	if !s.Traefik.Known {
		p.raw(`<p class="warning">`)
		p.mark(Warning)
		p.raw(`Not known: `)
		p.escaped(s.Traefik.Problem)
		p.raw(`</p>`)
	}
	if len(s.EntryPoints) > 0 {
		t := p.table("Entry points of Traefik "+s.Traefik.Version,
			"Entry point", "Guard", "Routers", "Without it")
		for _, e := range s.EntryPoints {
			if t.row("", "", levelOf(e.Open > 0, Warning)) {
				t.begin()
				p.element("strong", "", e.Name)
				p.escaped(" " + e.Address)
				t.end()
				if len(e.Guards) == 0 && e.Routers > 0 && e.Open == 0 {
					t.cell("none needed: Traefik's own routers")
				} else {
					t.list(e.Guards)
				}
				t.cell(strconv.Itoa(e.Routers))
				t.cell(strconv.Itoa(e.Open))
			}
		}
		t.close()
	}
	if len(s.Routers) == 0 {
		if s.Traefik.Known && s.allInForce() {
			p.none("No router is unguarded, unbound or ambiguous.")
		} else if s.Traefik.Known {
			p.none("No router is unguarded. Which ones are unbound or ambiguous is not known " +
				"without a policy.")
		}
		p.raw(`</section>`)
		return
	}
	t := p.table("Routers that something is wrong with",
		"Router", "What", "Entry points", "Rule", "Why")
	for _, r := range s.Routers {
		if t.row("", r.Rule, levelOf(r.Problem == Unguarded, Bad)) {
			t.code(r.Name)
			t.cell(r.Problem)
			t.cell(strings.Join(r.EntryPoints, ", "))
			t.cell(r.Rule)
			t.cell(r.Detail)
		}
	}
	t.close()
	p.raw(`</section>`)
}

func (p *page) hosts(s *State) {
	p.section("hosts", "Hosts in use")
	if len(s.Hosts) == 0 {
		p.none("No certificate has been looked at yet.")
		p.raw(`</section>`)
		return
	}
	t := p.table("The certificate that was served last for each host",
		"Host", "Tenant", "Verdict", "Certificate", "Expires", "How it is owned")
	for _, h := range s.Hosts {
		isBad := h.Verdict != "pass"
		if !t.row(h.Tenant, h.Host, levelOf(isBad, Bad)) {
			continue
		}
		t.code(h.Host)
		t.cell(h.Tenant)
		t.begin()
		p.element("span", levelOf(isBad, Bad), h.Verdict)
		p.raw(`<br><span class="small">`)
		p.at(h.At)
		p.raw(`</span>`)
		t.end()
		p.certificate(t, h)
		t.begin()
		if !h.NotAfter.IsZero() {
			if h.ExpiresSoon {
				p.mark(Warning)
			}
			p.at(h.NotAfter)
		}
		t.end()
		t.cell(h.Owned)
	}
	t.close()
	p.raw(`</section>`)
}

func (p *page) certificate(t *table, h Host) {
	t.begin()
	p.escaped(strings.Join(h.Names, ", "))
	if h.Fingerprint == "" {
		p.escaped("none that Go accepts: " + h.Issuer)
	} else {
		p.raw(`<br><span class="small">issued by `)
		p.escaped(h.Issuer)
		p.raw(`</span>`)
	}
	if h.Fingerprint != "" {
		p.raw(`<details><summary>Fingerprint</summary>`)
		p.element("code", "item", h.Fingerprint)
		p.element("code", "item", h.Pin)
		p.raw(`</details>`)
	}
	t.end()
}

func (p *page) tenants(s *State) {
	p.section("tenants", "Tenants")
	if len(s.Tenants) == 0 {
		p.none("No policy with tenants is in force.")
		p.raw(`</section>`)
		return
	}
	hour, reported := map[string]int{}, map[string]int{}
	for _, c := range s.Denials.Counts {
		if c.Mode == "report" {
			reported[c.Tenant] += c.Hour
		} else {
			hour[c.Tenant] += c.Hour
		}
	}
	t := p.table("Who has what", "Tenant", "Mode", "Namespaces and routers", "Hosts",
		"Certificates", "Denials in the last hour")
	for _, tenant := range s.Tenants {
		if t.row(tenant.Name, strings.Join(tenant.Hosts, " "), "") {
			t.begin()
			p.element("strong", "", tenant.Name)
			t.end()
			t.cell(tenant.Mode)
			t.list(append(append([]string{}, tenant.Namespaces...), tenant.Routers...))
			t.list(tenant.Hosts)
			t.cell(tenant.Certificates)
			text := strconv.Itoa(hour[tenant.Name])
			if passed := reported[tenant.Name]; passed > 0 {
				text += ", and " + strconv.Itoa(passed) + " let pass"
			}
			t.cell(text)
		}
	}
	t.close()
	p.raw(`</section>`)
}

func (p *page) policies(s *State) {
	p.section("policies", "Policy")
	if len(s.Policies) == 0 {
		p.none("No router has a guard.")
	}
	for _, one := range s.Policies {
		p.policy(one)
	}
	if s.MorePolicies > 0 {
		p.none(count(s.MorePolicies, "more middleware") + " of tenants can't be shown.")
	}
	p.raw(`</section>`)
}

func (p *page) policy(one Policy) {
	p.raw(`<article class="policy"><h3>`)
	p.escaped(one.Middleware)
	if one.Middlewares > 1 {
		p.escaped(" and " + count(one.Middlewares-1, "more middleware"))
	}
	if one.ByTenant {
		p.raw(`, written by a tenant`)
	}
	p.raw(`</h3>`)
	if len(one.Errors) > 0 {
		p.raw(`<div class="bad">`)
		p.raw(`<p>`)
		p.mark(Bad)
		p.raw(`Refused since `)
		p.at(one.Wrong)
		p.raw(`:</p>`)
		p.texts(one.Errors)
		p.raw(`</div>`)
	}
	if len(one.Warnings) > 0 {
		p.raw(`<div class="warning"><p>`)
		p.mark(Warning)
		p.raw(`Warnings:</p>`)
		p.texts(one.Warnings)
		p.raw(`</div>`)
	}
	from := one.Source
	if one.FromNamespaces {
		from += " and Namespaces"
	}
	p.raw(`<dl class="facts">`)
	p.fact("From", from)
	p.fact("Mode", one.Mode)
	p.fact("Digest", one.Digest)
	p.fact("What it has", count(one.Tenants, "tenant")+", "+count(one.Hosts, "host pattern")+", "+
		count(one.Namespaces, "namespace"))
	p.raw(`<div><dt>In force since</dt><dd>`)
	p.at(one.Since)
	p.raw(`</dd></div><div><dt>Last change</dt><dd>`)
	p.at(one.Changed)
	p.raw(`</dd></div></dl></article>`)
}

// texts writes a list of texts.
func (p *page) texts(texts []string) {
	p.raw(`<ul class="texts">`)
	for _, text := range texts {
		p.element("li", "", text)
	}
	p.raw(`</ul>`)
}

func (p *page) fact(name, value string) {
	if value == "" {
		return
	}
	p.raw(`<div><dt>`)
	p.escaped(name)
	p.raw(`</dt>`)
	p.element("dd", "", value)
	p.raw(`</div>`)
}

func (p *page) kubernetes(s *State) {
	p.section("kubernetes", "Kubernetes")
	if len(s.Kubernetes) == 0 {
		p.none("No policy reads Namespaces.")
		p.raw(`</section>`)
		return
	}
	t := p.table("Clusters whose Namespaces are read",
		"Cluster", "Namespaces", "Up to date", "Last listed", "Problem")
	for _, k := range s.Kubernetes {
		if t.row("", "", levelOf(!k.UpToDate, Warning)) {
			t.code(k.Cluster)
			t.cell(strconv.Itoa(k.Namespaces))
			t.cell(map[bool]string{true: "yes", false: "no"}[k.UpToDate])
			t.begin()
			p.at(k.Listed)
			t.end()
			t.cell(k.Problem)
		}
	}
	t.close()
	p.raw(`</section>`)
}

func (p *page) selfCheck(s *State) {
	p.section("self-check", "Self-check")
	if len(s.SelfCheck) == 0 {
		p.none("Nothing was checked yet: no request has come.")
		p.raw(`</section>`)
		return
	}
	t := p.table("What the guard reads from Traefik",
		"Check", "Result", "What was found", "What follows")
	for _, check := range s.SelfCheck {
		if t.row("", "", levelOf(check.State == report.StateFailed, Bad)) {
			t.code(check.Check)
			t.begin()
			if check.State == report.StateOK {
				p.mark(Good)
			} else if check.State == report.StateFailed {
				p.mark(Bad)
			} else {
				p.raw("not met yet")
			}
			t.end()
			t.cell(check.Detail)
			t.cell(check.Consequence)
		}
	}
	t.close()
	p.raw(`</section>`)
}
