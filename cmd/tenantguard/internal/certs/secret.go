package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// maxChain bounds the certificates behind the leaf that are read.
const maxChain = 10

// IsPEM reports whether there is PEM in the content of a tls.crt or tls.key. There may be text
// before it. What has none Traefik takes for the path of a file on its own disk.
func IsPEM(content []byte) bool {
	return bytes.Contains(content, []byte("-----BEGIN"))
}

var errNoCertificate = errors.New("there is no certificate in it")

// OfSecret returns the chain that Traefik serves from the content of a tls.crt, leaf first, as
// crypto/tls reads it: the first certificate is the leaf, whatever else is there. Without one that
// can be read the chain is empty. What can't be read behind the leaf is an error too, but served.
func OfSecret(content []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	var failure error
	for len(chain) <= maxChain {
		var block *pem.Block
		block, content = pem.Decode(content)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil && len(chain) == 0 {
			return nil, fmt.Errorf("the certificate can't be read: %w", err)
		}
		if err != nil {
			failure = fmt.Errorf("a certificate behind the first can't be read: %w", err)

			continue
		}
		chain = append(chain, certificate)
	}
	if len(chain) == 0 {
		return nil, errNoCertificate
	}

	return chain, failure
}
