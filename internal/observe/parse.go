package observe

import "crypto/x509"

// Parse parses a chain of certificates in DER, leaf first.
func Parse(chain [][]byte) ([]*x509.Certificate, error) {
	certificates := make([]*x509.Certificate, 0, len(chain))
	for _, der := range chain {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		certificates = append(certificates, certificate)
	}
	return certificates, nil
}
