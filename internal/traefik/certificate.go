package traefik

import (
	"crypto/tls"
	"reflect"
)

// HasLocalCertificate reports whether the state of a connection holds the certificate that was
// served: from Go 1.27 on, in the field LocalCertificate. It is a function because Yaegi takes
// the bool variable of another package for true in an if.
func HasLocalCertificate() bool {
	return reflect.ValueOf(tls.ConnectionState{}).FieldByName("LocalCertificate").IsValid()
}

// LocalCertificate returns the chain in DER, leaf first, that was served on a connection. state
// is a pointer to its tls.ConnectionState. The chain is nil where the field does not exist, and
// on a resumed connection, where Go leaves it empty.
func LocalCertificate(state any) [][]byte {
	value := pointee(reflect.ValueOf(state))
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
