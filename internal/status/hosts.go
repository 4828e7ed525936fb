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
}

// Served notes which certificate was served for a host. Of the certificate it keeps what is shown:
// it may be large, and out of use the next moment.
func (c *Counters) Served(s Serving) {
	fingerprint := ""
	if s.Leaf != nil {
		digest := sha256.Sum256(s.Leaf.Raw)
		fingerprint = hex.EncodeToString(digest[:])
	}
	key := hostKey{host: s.Host, tenant: s.Tenant}
	c.mu.Lock()
	h := c.hosts.known[key]
	c.mu.Unlock()
	if h == nil || h.Fingerprint != fingerprint || fingerprint == "" {
		h = s.certificate(fingerprint)
	}
	noted := *h
	noted.Host, noted.Tenant, noted.Owner, noted.Pattern = s.Host, s.Tenant, s.Owner, s.Pattern
	noted.Router, noted.Verdict, noted.Owned = s.Router, s.Verdict, s.Owned
	noted.ExpiresSoon, noted.At = s.ExpiresSoon, s.At
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

// certificate returns what is shown of the certificate.
func (s Serving) certificate(fingerprint string) *Host {
	h := &Host{Names: []string{}}
	if s.Leaf == nil {
		h.Issuer = text.Bound(s.Problem, maxText)
		return h
	}
	h.Fingerprint = fingerprint
	spki := sha256.Sum256(s.Leaf.RawSubjectPublicKeyInfo)
	h.Pin = "sha256/" + base64.StdEncoding.EncodeToString(spki[:])
	h.NotAfter = s.Leaf.NotAfter
	h.Issuer = text.Bound(s.Leaf.Issuer.String(), maxText)
	if bytes.Equal(s.Leaf.RawIssuer, s.Leaf.RawSubject) {
		h.Issuer = "itself"
	}
	for i, name := range s.Leaf.DNSNames {
		if i <= maxNames {
			h.Names = append(h.Names, text.Bound(name, maxText))
		}
	}
	for i, ip := range s.Leaf.IPAddresses {
		if i <= maxNames {
			h.Names = append(h.Names, ip.String())
		}
	}
	if len(h.Names) > maxNames {
		h.Names = append(h.Names[:maxNames:maxNames], "…")
	}
	return h
}
