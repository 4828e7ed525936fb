package certs

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tenantguard/tenantguard/internal/vectors"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

const testdata = "../../../../testdata"

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))

		return path
	}
	inTestdata := func(name string) string {
		return filepath.Join(testdata, "certificates", name+".pem")
	}
	cases := []struct {
		description, path string
		leaf, problem     string
		err               string
	}{
		{"a chain with its key", inTestdata("acme-exact"), "a.acme.example.com", "", ""},
		{"one that Go does not accept", inTestdata("acme-p224"), "", "P-224", ""},
		{"one that can't be parsed", inTestdata("acme-unparsable"), "", "x509: ", ""},
		{"no certificate", write("empty.pem", "x"), "", "", "wanted a PEM file with a certificate"},
		{"no file", filepath.Join(dir, "none.pem"), "", "", "no such file"},
	}
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			chain, err := ReadFile(c.path)
			if c.err != "" {
				assert.ErrorContains(t, err, c.err)

				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.path, chain.Name)
			assert.Contains(t, chain.Problem, c.problem)
			if c.leaf == "" {
				assert.Nil(t, chain.Leaf())
			} else {
				assert.Equal(t, []string{c.leaf}, chain.Leaf().DNSNames)
			}
		})
	}
}

func TestReadAll(t *testing.T) {
	content := []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	for _, name := range []string{"roots-platform", "acme-exact"} {
		one, err := os.ReadFile(filepath.Join(testdata, "certificates", name+".pem"))
		require.NoError(t, err)
		content = append(content, one...)
	}
	var names []string
	for _, certificate := range ReadAll(content) {
		names = append(names, certificate.Subject.CommonName)
	}
	assert.Equal(t, []string{"root-platform", "acme-exact", "intermediate-platform"}, names)
}

// TestServe does handshakes with real servers.
func TestServe(t *testing.T) {
	certificate, err := vectors.Certificate(testdata, "acme-exact")
	require.NoError(t, err)
	asked := ""
	choose := func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		asked = hello.ServerName

		return certificate, nil
	}
	cases := []struct {
		description, serverName string
		config                  *tls.Config
	}{
		{"a server name", "a.acme.example.com", &tls.Config{}},
		{"no server name", "", &tls.Config{}},
		{"a name that is not the certificate's", "b.test", &tls.Config{}},
		{"a client certificate is wanted", "b.test",
			&tls.Config{ClientAuth: tls.RequireAnyClientCert}},
		{"and by TLS 1.2", "b.test", &tls.Config{
			ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12,
		}},
	}
	for _, c := range cases {
		t.Run(c.description, func(t *testing.T) {
			c.config.GetCertificate = choose
			listener, err := tls.Listen("tcp", "127.0.0.1:0", c.config)
			require.NoError(t, err)
			defer listener.Close()
			go vectors.Handshake(listener)
			chain, err := Serve(t.Context(), listener.Addr().String(), c.serverName)
			require.NoError(t, err)
			assert.Equal(t, c.serverName, asked)
			assert.Equal(t, verdict.Pin(chain.Leaf()), pinOf(t, certificate))
			assert.Equal(t, listener.Addr().String(), chain.Name)
			assert.Len(t, chain.Certificates, 2)
		})
	}
}

func pinOf(t *testing.T, certificate *tls.Certificate) string {
	t.Helper()
	return verdict.Pin(certificate.Leaf)
}

func TestServeErrors(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	go vectors.Handshake(listener)
	_, err = Serve(t.Context(), address, "a.test")
	assert.Regexp(t, "the certificate served at "+address+": .*(EOF|reset)", err) // by who is first
	require.NoError(t, listener.Close())
	_, err = Serve(t.Context(), address, "a.test")
	assert.ErrorContains(t, err, "connection refused")
}

func TestIsAddress(t *testing.T) {
	for text, want := range map[string]bool{
		"a.test:443": true, "127.0.0.1:8443": true, "[::1]:443": true, "a.test:https": true,
		"acme.pem": false, "./a:b.pem": false, ":443": false, "a.test": false,
		"C:443x": false,
	} {
		assert.Equal(t, want, IsAddress(text), text)
	}
}
