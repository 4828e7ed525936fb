package served

import (
	"crypto/tls"
	"crypto/x509"
	"reflect"

	"github.com/tenantguard/tenantguard/internal/peek"
)

// Told tells whether a connection's state holds the certificate that was served: from Go 1.27 on, in the field
// LocalCertificate. It is a function because Yaegi takes the bool variable of another package for true in an if.
func Told() bool {
	return reflect.ValueOf(tls.ConnectionState{}).FieldByName("LocalCertificate").IsValid()
}

// Local reads the chain that was served on a connection from its state, a pointer to a tls.ConnectionState. It is nil
// where the field does not exist, and on a resumed connection, where Go leaves it empty.
func Local(state any) [][]byte {
	value := peek.Pointee(reflect.ValueOf(state))
	if value.Kind() != reflect.Struct {
		return nil
	}
	field := value.FieldByName("LocalCertificate")
	if !field.IsValid() {
		return nil
	}
	chain, _ := field.Interface().([][]byte)
	return chain
}

// Parse parses a chain, leaf first.
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
