package guard

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
	"time"
)

// lasting90 is a certificate that lives for 90 days, of which so many are left.
func lasting90(t *testing.T, host string, left time.Duration) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(left)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host},
		NotBefore: end.Add(-90 * 24 * time.Hour), NotAfter: end,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestExpiringCertificates serves certificates that are over soon or late to requests that pass and
// to some that do not.
func TestExpiringCertificates(t *testing.T) {
	const day = 24 * time.Hour
	rows := []struct {
		description, host string
		left              time.Duration
		reason            string
		lines             int
	}{
		{"soon", hostA, 5 * day, "pass", 1},
		{"late", hostA, 80 * day, "pass", 0},
		{"soon, of another host", hostB, 5 * day, "certificate-name", 0},
	}
	for _, row := range rows {
		entryPoint := serving(t, lasting90(t, row.host, row.left))
		before := strings.Count(said.String(), "expires soon")
		for _, name := range []string{"expiry1@file", "expiry2@file"} {
			g := acmeGuard(name+row.description, acmeKeys(nil))
			if got := reasonOf(g, at(entryPoint, tlsRequest(hostA, hostA))); got != row.reason {
				t.Errorf("%s: %q, want %q", row.description, got, row.reason)
			}
		}
		text := said.String()
		if got := strings.Count(text, "expires soon") - before; got != row.lines {
			t.Errorf("%s: %d lines, want %d", row.description, got, row.lines)
		}
		if row.lines > 0 && !strings.Contains(text, `tenant \"acme\": sha256/`) {
			t.Errorf("%s: no line names the tenant and the pin", row.description)
		}
	}
}

// TestNewToday has certificates be met again on a day, and on the next.
func TestNewToday(t *testing.T) {
	const day = 1 << 40 // which no other test has
	steps := []struct {
		description, certificate string
		day                      int64
		want                     bool
	}{
		{"the first", "a", day, true},
		{"the same", "a", day, false},
		{"another", "b", day, true},
		{"the next day", "a", day + 1, true},
		{"the same on that day", "a", day + 1, false},
	}
	for _, step := range steps {
		if got := isNewToday("acme", step.certificate, step.day); got != step.want {
			t.Errorf("%s: %t, want %t", step.description, got, step.want)
		}
	}
	for i := 0; i < maxExpiring; i++ {
		isNewToday("acme", strings.Repeat("x", i+2), day+1)
	}
	if isNewToday("acme", "c", day+1) {
		t.Error("any number of certificates is remembered")
	}
	if !isNewToday("globex", "c", day+1) {
		t.Error("one tenant's certificates hide another's")
	}
	isNewToday("acme", "a", 0)
}
