package status

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"sort"
	"time"
)

const (
	// maxHosts bounds the hosts in use that are kept to twice as many: a tenant with a wildcard
	// has any number of them.
	maxHosts = 1000
	// hostKept is how long a host that nobody asks for is one in use.
	hostKept = 24 * time.Hour
	// maxNames bounds the names of a certificate that are shown.
	maxNames = 20
)

// Serving is what came of a request that was served with a certificate.
type Serving struct {
	Host, Tenant, Owner, Router, Verdict string
	// Leaf is the certificate, nil where it is none that Go accepts: Problem says why then.
	Leaf    *x509.Certificate
	Problem string
	// Owned is how the certificate comes to serve the tenant, "" where it does not.
	Owned string
	At    time.Time
}

type hostKey struct {
	host, tenant string
}

// hosts has the hosts of which something was heard lately, and those before there were maxHosts of
// these. The zero hosts is ready to use.
type hosts struct {
	current, before map[hostKey]Serving
}

// Served notes which certificate was served for a host.
func (c *Counters) Served(s Serving) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hosts.current == nil || len(c.hosts.current) >= maxHosts {
		c.hosts.before = c.hosts.current
		c.hosts.current = map[hostKey]Serving{}
	}
	c.hosts.current[hostKey{host: s.Host, tenant: s.Tenant}] = s
}

// all returns the hosts in use, by name.
func (h *hosts) all(now time.Time) []Host {
	all := []Host{}
	for _, s := range h.current {
		if now.Sub(s.At) < hostKept {
			all = append(all, s.host())
		}
	}
	for key, s := range h.before {
		if _, newer := h.current[key]; !newer && now.Sub(s.At) < hostKept {
			all = append(all, s.host())
		}
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].Host != all[j].Host {
			return all[i].Host < all[j].Host
		}
		return all[i].Tenant < all[j].Tenant
	})
	return all
}

func (s Serving) host() Host {
	h := Host{
		Host: s.Host, Tenant: s.Tenant, Owner: s.Owner, Router: s.Router, Verdict: s.Verdict,
		At: s.At, Owned: s.Owned, Names: []string{},
	}
	if s.Leaf == nil {
		h.Issuer = s.Problem
		return h
	}
	digest := sha256.Sum256(s.Leaf.Raw)
	h.Fingerprint = hex.EncodeToString(digest[:])
	spki := sha256.Sum256(s.Leaf.RawSubjectPublicKeyInfo)
	h.Pin = "sha256/" + base64.StdEncoding.EncodeToString(spki[:])
	h.NotAfter = s.Leaf.NotAfter
	h.Issuer = s.Leaf.Issuer.String()
	if bytes.Equal(s.Leaf.RawIssuer, s.Leaf.RawSubject) {
		h.Issuer = "itself"
	}
	names := append([]string{}, s.Leaf.DNSNames...)
	for _, ip := range s.Leaf.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) > maxNames {
		names = append(names[:maxNames:maxNames], "…")
	}
	h.Names = append(h.Names, names...)
	return h
}
