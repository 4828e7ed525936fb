package observe

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	chain := loadCertificate(t, "acme-exact").Certificate
	parsed, err := Parse(chain)
	if err != nil || len(parsed) != len(chain) || len(parsed) < 2 {
		t.Fatalf("%d certificates of %d, %v", len(parsed), len(chain), err)
	}
	if got := parsed[0].DNSNames; len(got) != 1 || got[0] != victim {
		t.Errorf("the leaf names %q, want %q", got, victim)
	}
	for _, wrong := range [][][]byte{nil, {[]byte("x")}, {chain[0], []byte("x")}} {
		if got, err := Parse(wrong); err == nil || got != nil {
			t.Errorf("%d certificates of a chain that has none, want an error", len(got))
		}
	}
}

// TestKeys looks at which keys crypto/tls takes.
func TestKeys(t *testing.T) {
	rsaKey := func(bits uint) any {
		return &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), bits-1), E: 65537}
	}
	curve := func(curve elliptic.Curve) any { return &ecdsa.PublicKey{Curve: curve} }
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		description  string
		leaf, behind any
		want         string
	}{
		{"P-256", curve(elliptic.P256()), rsaKey(2048), ""},
		{"P-384", curve(elliptic.P384()), rsaKey(2048), ""},
		{"P-521", curve(elliptic.P521()), rsaKey(8192), ""},
		{"Ed25519", public, rsaKey(2048), ""},
		{"P-224", curve(elliptic.P224()), rsaKey(2048), "a key on the curve P-224"},
		{"P-224 behind the leaf, where nobody signs", rsaKey(2048), curve(elliptic.P224()), ""},
		{"the largest RSA key", rsaKey(8192), rsaKey(8192), ""},
		{"an RSA key that is larger", rsaKey(8193), rsaKey(2048), "an RSA key of 8193 bits"},
		{"one behind the leaf", rsaKey(2048), rsaKey(8448), "an RSA key of 8448 bits"},
		{"another kind", nil, rsaKey(2048), "a key of type"},
	}
	for _, row := range rows {
		got := problemOf([]*x509.Certificate{{PublicKey: row.leaf}, {PublicKey: row.behind}})
		if (got == "") != (row.want == "") || !strings.Contains(got, row.want) {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}
