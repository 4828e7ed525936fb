package status

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"sort"
	"time"

	"github.com/tenantguard/tenantguard/internal/text"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

const (
	// maxHostsOfTenant bounds the hosts in use that are kept of one tenant to twice as many: one
	// with a wildcard has any number. maxHosts bounds those of all tenants likewise.
	maxHostsOfTenant = 250
	maxHosts         = 2000
	// hostKept is how long a host that nobody asks for is one in use.
	hostKept = 24 * time.Hour
	// maxNames bounds the names of a certificate that are shown, and maxText each text in it, in
	// bytes: whoever makes a certificate writes them.
	maxNames = 20
	// maxShown bounds the certificates of which it is remembered what is shown.
	maxShown = 200
	maxText  = 256
)

// Serving is what came of a request that was served with a certificate.
type Serving struct {
	Host, Tenant, Owner, Router, Verdict string
	// Pattern is the pattern of the owner's that the host is of.
	Pattern string
	// Leaf is the certificate, nil where it is none that Go accepts: Problem says why then.
	Leaf    *x509.Certificate
	Problem string
	// ExpiresSoon reports whether it is time to renew the certificate.
	ExpiresSoon bool
	// Owned is how the certificate comes to serve the tenant, "" where it does not.
	Owned string
	At    time.Time
}

type hostKey struct {
	host, tenant string
}

// hosts has the hosts of which something was heard lately. The zero hosts is ready to use.
type hosts struct {
	// recent has those of tenants that were asked for lately, and earlier those of tenants before
	// there were maxHosts of these: so none has to be looked for that may go, and nobody takes the
	// place of others.
	recent, earlier generation
	// shown has what is shown of certificates that were served lately.
	shown map[*x509.Certificate]*Host
}

// generation has the hosts of tenants, and counts them.
type generation struct {
	byTenant map[string]*tenantHosts
	// all has them in a list that only grows: it is read without a lock.
	all   []*tenantHosts
	count int
}

// tenantHosts are a tenant's hosts that were asked for lately, and those before there were
// maxHostsOfTenant of these.
type tenantHosts struct {
	latest, before map[string]*Host
}

// Served notes which certificate was served for a host.
func (c *Counters) Served(s Serving) {
	noted := c.certificate(s)
	noted.Host, noted.Tenant, noted.Owner, noted.Pattern = s.Host, s.Tenant, s.Owner, s.Pattern
	noted.Router, noted.Verdict, noted.Owned = s.Router, s.Verdict, s.Owned
	noted.ExpiresSoon, noted.At = s.ExpiresSoon, s.At
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.hosts.recent.byTenant[s.Tenant]
	if t == nil {
		t = c.hosts.of(s.Tenant)
	}
	if t.latest[s.Host] == nil {
		c.hosts.makeRoom(t)
	}
	t.latest[s.Host] = &noted
}

// makeRoom makes room for one more host of a tenant.
func (h *hosts) makeRoom(t *tenantHosts) {
	if len(t.latest) >= maxHostsOfTenant {
		h.recent.count -= len(t.before)
		t.before = t.latest
		t.latest = map[string]*Host{}
	}
	h.recent.count++
}

// of has a tenant be among those that were asked for lately.
func (h *hosts) of(tenant string) *tenantHosts {
	t := h.earlier.byTenant[tenant]
	if t == nil {
		t = &tenantHosts{latest: map[string]*Host{}}
	}
	if h.recent.byTenant == nil || h.recent.count >= maxHosts {
		h.earlier = h.recent
		h.recent = generation{byTenant: map[string]*tenantHosts{}}
	}
	h.recent.byTenant[tenant] = t
	h.recent.all = append(h.recent.all, t)
	h.recent.count += len(t.latest) + len(t.before)
	return t
}

// certificate returns a host with what is shown of its certificate, found out once for each of
// those that were served lately. A host keeps no more of it: it may be large, and out of use the
// next moment.
func (c *Counters) certificate(s Serving) Host {
	if s.Leaf == nil {
		return Host{Names: []string{}, Issuer: text.Bound(s.Problem, maxText)}
	}
	c.mu.Lock()
	shown := c.hosts.shown[s.Leaf]
	c.mu.Unlock()
	if shown != nil {
		return *shown
	}
	shown = describe(s.Leaf)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hosts.shown == nil || len(c.hosts.shown) >= maxShown {
		c.hosts.shown = map[*x509.Certificate]*Host{}
	}
	c.hosts.shown[s.Leaf] = shown
	return *shown
}

// allHosts returns the hosts in use. It holds mu for the hosts of one tenant at a time, for the
// requests that are judged wait for it.
func (c *Counters) allHosts(now time.Time) []Host {
	c.mu.Lock()
	recent := c.hosts.recent.all
	earlier := c.hosts.earlier.all
	c.mu.Unlock()
	all := []Host{}
	seen := map[*tenantHosts]bool{}
	for _, list := range [][]*tenantHosts{recent, earlier} {
		for _, t := range list {
			if !seen[t] {
				seen[t] = true
				all = c.appendHosts(all, t, now)
			}
		}
	}
	return all
}

func (c *Counters) appendHosts(all []Host, of *tenantHosts, now time.Time) []Host {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, host := range of.before {
		if of.latest[name] == nil && now.Sub(host.At) < hostKept {
			all = append(all, *host)
		}
	}
	for _, host := range of.latest {
		if now.Sub(host.At) < hostKept {
			all = append(all, *host)
		}
	}
	return all
}

func sortHosts(all []Host) {
	sort.Slice(all, func(i, j int) bool {
		if all[i].Host != all[j].Host {
			return all[i].Host < all[j].Host
		}
		return all[i].Tenant < all[j].Tenant
	})
}

// describe returns a host with what is shown of a certificate.
func describe(leaf *x509.Certificate) *Host {
	digest := sha256.Sum256(leaf.Raw)
	h := &Host{
		Names:       namesOf(leaf),
		Fingerprint: hex.EncodeToString(digest[:]),
		Pin:         verdict.Pin(leaf),
		NotAfter:    leaf.NotAfter,
		Issuer:      text.Bound(leaf.Issuer.String(), maxText),
	}
	if bytes.Equal(leaf.RawIssuer, leaf.RawSubject) {
		h.Issuer = "itself"
	}
	return h
}

// namesOf returns the first names of a certificate, and an ellipsis for more.
func namesOf(leaf *x509.Certificate) []string {
	names := []string{}
	for _, name := range leaf.DNSNames {
		if len(names) >= maxNames {
			return append(names, "…")
		}
		names = append(names, text.Bound(name, maxText))
	}
	for _, ip := range leaf.IPAddresses {
		if len(names) >= maxNames {
			return append(names, "…")
		}
		names = append(names, ip.String())
	}
	return names
}
