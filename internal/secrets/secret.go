package secrets

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"

	"github.com/tenantguard/tenantguard/internal/kube"
)

// page is a part of a list of Secrets. It is made anew for each: package json leaves in the
// elements of a slice that it fills again what they held before, so that a Secret without data
// would have its predecessor's.
type page struct {
	Kind     string        `json:"kind"`
	Metadata kube.ListMeta `json:"metadata"`
	Items    []secret      `json:"items"`
}

// secret is what is read of a Secret. Its type does not matter: Traefik asks for none.
type secret struct {
	Kind     string   `json:"kind"`
	Metadata metadata `json:"metadata"`
	// Data is the map of keys to values in base64. It holds private keys, and is read by servedLeaf
	// alone.
	Data json.RawMessage `json:"data"`
}

// metadata is all that is read of a Secret's: annotations may repeat its data.
type metadata struct {
	Name string `json:"name"`
}

func readPage(body []byte) (page, error) {
	var read page
	err := kube.Decode(body, "SecretList", &read, &read.Kind)
	return read, err
}

func readSecret(body []byte) (secret, error) {
	var read secret
	err := kube.Decode(body, "Secret", &read, &read.Kind)
	return read, err
}

var (
	certificateKey = []byte(`"tls.crt":`)
	privateKeyKey  = []byte(`"tls.key":`)
)

// servedLeaf returns the digest of the certificate that Traefik serves from a Secret, "" for none:
// the first certificate of tls.crt, as crypto/tls takes it, where there is a tls.key as well.
func servedLeaf(data []byte) string {
	if len(value(data, privateKeyKey)) == 0 {
		return ""
	}
	encoded := value(data, certificateKey)
	rest := make([]byte, base64.StdEncoding.DecodedLen(len(encoded)))
	length, err := base64.StdEncoding.Decode(rest, encoded)
	if err != nil {
		return ""
	}
	rest = rest[:length]
	for {
		block, after := pem.Decode(rest)
		if block == nil {
			return ""
		}
		if block.Type == "CERTIFICATE" {
			return digest(block.Bytes)
		}
		rest = after
	}
}

// value finds the value of a key in a Secret's data without a copy of it. Keys and values have
// letters, digits and a few signs, none of which JSON escapes, so that a quoted key is found
// nowhere but where it is one. Package json would also take "TLS.CRT" for tls.crt, which Traefik
// does not serve, and copy the private key.
func value(data, key []byte) []byte {
	_, after, found := bytes.Cut(data, key)
	if !found {
		return nil
	}
	text, quoted := bytes.CutPrefix(bytes.TrimLeft(after, " "), []byte(`"`))
	end := bytes.IndexByte(text, '"')
	if !quoted || end < 0 {
		return nil
	}
	return text[:end]
}

// digest stands for a certificate.
func digest(der []byte) string {
	sum := sha256.Sum256(der)
	return string(sum[:])
}
