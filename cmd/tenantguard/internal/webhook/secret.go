package webhook

import (
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/certs"
)

// The keys of a Secret that Traefik reads, whatever the type of the Secret.
const (
	certificateKey = "tls.crt"
	privateKeyKey  = "tls.key"
)

// errNotServed is that Traefik serves nothing from a Secret.
var errNotServed = errors.New("no certificate is served from it")

// servedChain returns the chain that Traefik serves from the data of a Secret, leaf first.
// Without tls.key nothing is served. The key itself is not looked at, but for that it is none at
// all: Traefik takes that for the path of a file on its own disk.
func servedChain(data map[string][]byte) ([]*x509.Certificate, error) {
	if len(data[certificateKey]) == 0 || len(data[privateKeyKey]) == 0 {
		return nil, errNotServed
	}
	for _, key := range []string{certificateKey, privateKeyKey} {
		if !certs.IsPEM(data[key]) {
			return nil, fmt.Errorf("%s is not PEM; Traefik would take it for the path of a file "+
				"on its own disk", key)
		}
	}
	chain, err := certs.OfSecret(data[certificateKey])
	if len(chain) == 0 {
		return nil, fmt.Errorf("%s: %w", certificateKey, err)
	}

	return chain, nil
}
