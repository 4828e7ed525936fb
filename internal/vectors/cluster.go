package vectors

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/kube/kubetest"
)

// created is the creation time of a Namespace for which a file gives none.
const created = "2026-01-01T00:00:00Z"

// cluster is a cluster as a file has it.
type cluster struct {
	Namespaces []kubetest.Namespace
	// Secrets are those of each namespace.
	Secrets map[string][]secret
	// Refused are the paths of the API that are answered with a status and nothing else.
	Refused map[string]int
}

// secret is a Secret with one of the certificates.
type secret struct {
	Certificate string
	// Type is kubernetes.io/tls where it is empty.
	Type string
	// Keys are those of the data, tls.crt and tls.key where there are none. One that ends in .key,
	// in whatever case, has the private key in it, another one the certificate with its chain.
	Keys []string
	// Text is what all of them have instead, where it is not empty.
	Text string
}

// load makes a cluster of what a file has.
func (c *cluster) load(dir string) (*kubetest.Cluster, error) {
	loaded := &kubetest.Cluster{Secrets: map[string][]kubetest.Secret{}, Refused: c.Refused}
	for _, namespace := range c.Namespaces {
		if namespace.Created == "" {
			namespace.Created = created
		}
		loaded.Namespaces = append(loaded.Namespaces, namespace)
	}
	for namespace, secrets := range c.Secrets {
		for i, s := range secrets {
			one, err := s.load(dir)
			if err != nil {
				return nil, err
			}
			one.Name = fmt.Sprintf("%s-%d", s.Certificate, i)
			loaded.Secrets[namespace] = append(loaded.Secrets[namespace], one)
		}
	}
	return loaded, nil
}

func (s secret) load(dir string) (kubetest.Secret, error) {
	text, err := os.ReadFile(filepath.Join(dir, "certificates", s.Certificate+".pem"))
	if err != nil {
		return kubetest.Secret{}, err
	}
	chain, key, _ := strings.Cut(string(text), "-----BEGIN PRIVATE KEY-----")
	loaded := kubetest.Secret{Type: s.Type, Data: map[string]string{}}
	if s.Type == "" {
		loaded.Type = "kubernetes.io/tls"
	}
	keys := s.Keys
	if len(keys) == 0 {
		keys = []string{"tls.crt", "tls.key"}
	}
	for _, name := range keys {
		loaded.Data[name] = chain
		if strings.HasSuffix(strings.ToLower(name), ".key") {
			loaded.Data[name] = "-----BEGIN PRIVATE KEY-----" + key
		}
		if s.Text != "" {
			loaded.Data[name] = s.Text
		}
	}
	return loaded, nil
}

// Configuration is the case's policy as a middleware has it: a denial carries its code, and where
// the policy has the section kubernetes, an API server that has the case's cluster is there to be
// asked until the test ends.
func (c Case) Configuration(t *testing.T) map[string]any {
	t.Helper()
	own, asks := c.Policy["kubernetes"].(map[string]any)
	configuration := merge(c.Policy, map[string]any{"exposeReason": true})
	if asks && c.Cluster != nil {
		api := kubetest.Start(t, c.Cluster)
		address := map[string]any{
			"endpoint": api.Endpoint, "tokenFile": api.TokenFile, "caFile": api.CAFile,
		}
		configuration["kubernetes"] = merge(address, own)
	}
	return configuration
}

// merge returns the keys of both maps, the second's in place of the first's.
func merge(base, own map[string]any) map[string]any {
	merged := map[string]any{}
	for key, value := range base {
		merged[key] = value
	}
	for key, value := range own {
		merged[key] = value
	}
	return merged
}
