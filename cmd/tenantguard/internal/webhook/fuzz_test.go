package webhook

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// FuzzServedChain holds what is read of a Secret to crypto/tls, by which Traefik reads it: whatever
// it serves is what is looked at.
func FuzzServedChain(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"acme.test"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		f.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		f.Fatal(err)
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: keyDER})
	cert := string(pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: der}))
	for _, before := range []string{"", "text\n", "-----BEGIN X-----\n", string(keyPEM), "\r\n\x00",
		"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "----------BEGIN "} {
		f.Add([]byte(before+cert), []byte("\n"))
		f.Add([]byte(before), []byte(cert))
	}
	f.Fuzz(func(t *testing.T, before, after []byte) {
		data := append(append(append([]byte{}, before...), cert...), after...)
		pair, err := tls.X509KeyPair(data, keyPEM)
		chain, mine := servedChain(map[string][]byte{certificateKey: data, privateKeyKey: keyPEM})
		if err == nil && mine != nil {
			t.Fatalf("Traefik serves what is refused as unreadable: %v", mine)
		}
		if err == nil && !bytes.Equal(chain[0].Raw, pair.Certificate[0]) {
			t.Fatal("Traefik serves another certificate than the one that is looked at")
		}
	})
}
