package audit_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/audit"
	"github.com/tenantguard/tenantguard/internal/registry/registrytest"
)

// selfSigned makes a certificate.
func selfSigned(t *testing.T, commonName, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: commonName},
		DNSNames: []string{name}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.Add(90 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}

	return certificate
}

// TestServed has Traefik serve certificates that are not for a host.
func TestServed(t *testing.T) {
	effective, notices := registrytest.Middleware{Name: "guard@file", Keys: tenants}.Policy()
	if effective == nil {
		t.Fatalf("no policy: %+v", notices)
	}
	for _, c := range []struct {
		description, commonName, name, message, do string
	}{
		{"Traefik's own", "TRAEFIK DEFAULT CERT", "0.1.traefik.default",
			"No certificate in Traefik's store is for it", "Give the route a certificate"},
		{"another one", "", "other.acme.test", "Traefik serves the certificate for other.acme.test",
			"Have the certificate issued anew"},
	} {
		report, err := audit.Run(audit.Input{
			Traefik: traefikOf(t, routers(router("acme-x@docker", "Host(`x.acme.test`)"))),
			Policy:  effective, Plugin: "tenantguard", Now: now, Objections: policies(),
			Served: map[string][]*x509.Certificate{
				"x.acme.test": {selfSigned(t, c.commonName, c.name)},
			},
		}, func(string, ...any) {})
		if err != nil {
			t.Fatal(err)
		}
		if got := sortedIDs(report.Findings); got != "certificate-name" {
			t.Fatalf("%s: %s", c.description, got)
		}
		f := report.Findings[0]
		if !strings.HasPrefix(f.Message, c.message) || !strings.HasPrefix(f.Do, c.do) {
			t.Errorf("%s: %+v", c.description, f)
		}
	}
}
