package status

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"sort"
	"time"

	"github.com/tenantguard/tenantguard/internal/text"
)

const (
	// maxHosts bounds the hosts in use that are kept: a tenant with a wildcard has any number.
	maxHosts = 2000
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
	known map[hostKey]*Host
	// shown has what is shown of certificates that were served lately.
	shown map[*x509.Certificate]*Host
}

// Served notes which certificate was served for a host.
func (c *Counters) Served(s Serving) {
	noted := c.certificate(s)
	noted.Host, noted.Tenant, noted.Owner, noted.Pattern = s.Host, s.Tenant, s.Owner, s.Pattern
	noted.Router, noted.Verdict, noted.Owned = s.Router, s.Verdict, s.Owned
	noted.ExpiresSoon, noted.At = s.ExpiresSoon, s.At
	key := hostKey{host: s.Host, tenant: s.Tenant}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hosts.known == nil {
		c.hosts.known = map[hostKey]*Host{}
	}
	if c.hosts.known[key] == nil && len(c.hosts.known) >= maxHosts {
		c.hosts.makeRoom()
	}
	c.hosts.known[key] = &noted
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

// makeRoom drops hosts that were not asked for lately: those of a tenant who has many, so that
// nobody takes the place of others, or else of all. It drops many at a time, for it looks at all.
func (h *hosts) makeRoom() {
	counts := map[string]int{}
	biggest := ""
	for key := range h.known {
		counts[key.tenant]++
		if counts[key.tenant] > counts[biggest] {
			biggest = key.tenant
		}
	}
	all := counts[biggest] < maxHosts/4
	first, sum, count := time.Time{}, time.Duration(0), 0
	for key, host := range h.known {
		if !all && key.tenant != biggest {
			continue
		}
		if count == 0 {
			first = host.At
		}
		sum += host.At.Sub(first)
		count++
	}
	average := first.Add(sum / time.Duration(count))
	for key, host := range h.known {
		if (all || key.tenant == biggest) && !host.At.After(average) {
			delete(h.known, key)
		}
	}
}

// all returns the hosts in use.
func (h *hosts) all(now time.Time) []Host {
	all := []Host{}
	for _, host := range h.known {
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
	spki := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	h := &Host{
		Names:       namesOf(leaf),
		Fingerprint: hex.EncodeToString(digest[:]),
		Pin:         "sha256/" + base64.StdEncoding.EncodeToString(spki[:]),
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
