package running

import (
	"crypto/x509"
	"encoding/base64"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/certs"
)

// Secret is what is kept of a Secret with a certificate: not its key.
type Secret struct {
	Namespace, Name, Type string
	Created               string
	// Chain is the certificate and those behind it, empty where there is none that can be read.
	Chain []*x509.Certificate
	// Problem is what can't be read, "" for nothing, or where nobody has put a certificate in yet.
	Problem string
	// Paths are the keys that have no PEM in them: Traefik takes what they hold for paths.
	Paths []string
	File  string
}

// Title returns kind, namespace and name.
func (s Secret) Title() string {
	return "Secret " + s.Namespace + "/" + s.Name
}

// Place returns where to look for it.
func (s Secret) Place() string {
	if s.File != "" {
		return s.File
	}

	return s.Namespace + "/" + s.Name
}

// secretOf reads a Secret, and reports whether it has a certificate, or could have one. Of the key
// it looks whether it is PEM, and keeps nothing.
func secretOf(object unstructured.Unstructured, file string) (Secret, bool) {
	s := Secret{
		Namespace: object.GetNamespace(), Name: object.GetName(), File: file,
		Created: object.GetCreationTimestamp().UTC().Format("2006-01-02T15:04:05Z"),
	}
	s.Type, _, _ = unstructured.NestedString(object.Object, "type")
	certificate, has := secretKey(object, "tls.crt")
	if !has && s.Type != "kubernetes.io/tls" {
		return s, false
	}
	key, _ := secretKey(object, "tls.key")
	for _, part := range []struct{ name, text string }{{"tls.crt", certificate}, {"tls.key", key}} {
		if part.text != "" && !certs.IsPEM([]byte(part.text)) {
			s.Paths = append(s.Paths, part.name)
		}
	}
	if certificate != "" {
		var err error
		if s.Chain, err = certs.OfSecret([]byte(certificate)); err != nil {
			s.Problem = err.Error()
		}
	}

	return s, true
}

// secretKey returns the content of a key, from data or from stringData.
func secretKey(object unstructured.Unstructured, key string) (string, bool) {
	if text, found, _ := unstructured.NestedString(object.Object, "stringData", key); found {
		return text, true
	}
	encoded, found, _ := unstructured.NestedString(object.Object, "data", key)
	content, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", found
	}

	return string(content), found
}
