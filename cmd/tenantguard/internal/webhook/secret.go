package webhook

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// The keys of a Secret that Traefik reads, whatever the type of the Secret.
const (
	certificateKey = "tls.crt"
	privateKeyKey  = "tls.key"
)

// maxChain bounds the certificates behind the leaf that are read.
const maxChain = 10

var begin = []byte("-----BEGIN")

// errNotServed is that Traefik serves nothing from a Secret.
var errNotServed = errors.New("no certificate is served from it")

// servedChain returns the chain that Traefik serves from the data of a Secret, leaf first, as
// crypto/tls reads it: the first certificate of tls.crt is the leaf, whatever else is there.
// Without tls.key nothing is served. The key itself is not looked at, but for that it is none at
// all: Traefik takes that for the path of a file on its own disk.
func servedChain(data map[string][]byte) ([]*x509.Certificate, error) {
	if len(data[certificateKey]) == 0 || len(data[privateKeyKey]) == 0 {
		return nil, errNotServed
	}
	for _, key := range []string{certificateKey, privateKeyKey} {
		if !bytes.Contains(data[key], begin) {
			return nil, fmt.Errorf("%s is not PEM; Traefik would take it for the path of a file "+
				"on its own disk", key)
		}
	}
	var chain []*x509.Certificate
	rest := data[certificateKey]
	for len(chain) <= maxChain {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil && len(chain) == 0 {
			return nil, fmt.Errorf("the certificate in %s can't be read, so nobody can tell which "+
				"names it has: %w", certificateKey, err)
		}
		if err == nil {
			chain = append(chain, certificate)
		}
	}
	if len(chain) == 0 {
		return nil, fmt.Errorf("%s has no block of PEM with a certificate", certificateKey)
	}

	return chain, nil
}
