package audit

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

// stored is one certificate of Traefik's store.
type stored struct {
	// key are its names as Traefik joins and sorts them, names its DNS and IP names.
	key   string
	names []string
	// chain is empty where only the API has it.
	chain []*x509.Certificate
	leaf  *x509.Certificate
	// secrets are those that have this very certificate.
	secrets []running.Secret
	hosts   []string
	verdict string
	// isDefault reports whether it is only served where no other is.
	isDefault bool
}

// readStore finds the certificates that Traefik has: those of its API, with the Secrets that have
// them, or else those of the Secrets that objects name.
func (a *auditor) readStore() {
	a.readCertificates()
	slices.SortStableFunc(a.store, func(x, y *stored) int { return strings.Compare(y.key, x.key) })
}

func (a *auditor) readCertificates() {
	byPrint := map[string]*stored{}
	if a.Traefik != nil && a.Traefik.HasCertificates {
		for _, c := range a.Traefik.Certificates {
			s := &stored{leaf: leafOf(c)}
			s.key, s.names = keyOf(s.leaf)
			byPrint[c.Name] = s
			a.store = append(a.store, s)
		}
	}
	if a.Objects == nil {
		return
	}
	named, defaults := namedSecrets(a.Objects)
	for _, secret := range a.Objects.Secrets {
		if len(secret.Chain) == 0 {
			continue
		}
		digest := sha256.Sum256(secret.Chain[0].Raw)
		fingerprint := hex.EncodeToString(digest[:])
		place := secret.Namespace + "/" + secret.Name
		s := byPrint[fingerprint]
		if s == nil {
			isServed := named[place] || defaults[place]
			if !isServed || (a.Traefik != nil && a.Traefik.HasCertificates) {
				continue
			}
			s = &stored{isDefault: !named[place]}
			byPrint[fingerprint] = s
			a.store = append(a.store, s)
		}
		s.isDefault = s.isDefault && !named[place]
		s.chain, s.leaf = secret.Chain, secret.Chain[0]
		s.key, s.names = keyOf(s.leaf)
		s.secrets = append(s.secrets, secret)
	}
}

// leafOf makes a certificate of what the API says of one: enough to compare its names and dates.
func leafOf(c running.StoreCertificate) *x509.Certificate {
	leaf := &x509.Certificate{NotBefore: c.NotBefore, NotAfter: c.NotAfter}
	leaf.Subject.CommonName = c.CommonName
	for _, name := range c.SANs {
		if ip := parseIP(name); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, name)
		}
	}

	return leaf
}

// keyOf returns the names of a certificate as Traefik has them in its store, the common name among
// them, and its DNS and IP names.
func keyOf(leaf *x509.Certificate) (key string, names []string) {
	names = append(names, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	var parts []string
	if leaf.Subject.CommonName != "" {
		parts = append(parts, strings.ToLower(leaf.Subject.CommonName))
	}
	for _, name := range names {
		if name != leaf.Subject.CommonName {
			parts = append(parts, strings.ToLower(name))
		}
	}
	slices.Sort(parts)

	return strings.Join(parts, ","), names
}

// isFor reports whether Traefik takes the certificate for a server name.
func (s *stored) isFor(host string) bool {
	wildcard := "*"
	if _, rest, found := strings.Cut(host, "."); found {
		wildcard = "*." + rest
	}
	for _, name := range strings.Split(s.key, ",") {
		if name == host || strings.TrimRight(name, ".") == wildcard {
			return true
		}
	}

	return false
}

// namedSecrets returns the Secrets that objects have Traefik load, as namespace/name: those for
// the store, and those that are default certificates.
func namedSecrets(objects *running.Objects) (named, defaults map[string]bool) {
	named, defaults = map[string]bool{}, map[string]bool{}
	add := func(to map[string]bool, namespace, name string) {
		if name != "" {
			to[namespace+"/"+name] = true
		}
	}
	for _, kind := range []string{"IngressRoute", "IngressRouteTCP"} {
		for _, o := range objects.Of(kind) {
			add(named, o.GetNamespace(), text(o.Object, "spec", "tls", "secretName"))
		}
	}
	for _, o := range objects.Of("Ingress") {
		for _, tls := range items(o.Object, "spec", "tls") {
			add(named, o.GetNamespace(), text(tls, "secretName"))
		}
	}
	for _, o := range objects.Of("TLSStore") {
		for _, c := range items(o.Object, "spec", "certificates") {
			add(named, o.GetNamespace(), text(c, "secretName"))
		}
		add(defaults, o.GetNamespace(), text(o.Object, "spec", "defaultCertificate", "secretName"))
	}
	for _, o := range objects.Of("Gateway") {
		for _, listener := range items(o.Object, "spec", "listeners") {
			for _, ref := range items(listener, "tls", "certificateRefs") {
				namespace := text(ref, "namespace")
				if namespace == "" {
					namespace = o.GetNamespace()
				}
				add(named, namespace, text(ref, "name"))
			}
		}
	}

	return named, defaults
}
