// Package certs reads certificates: from files, and as a server serves them.
package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/tenantguard/tenantguard/internal/files"
	"github.com/tenantguard/tenantguard/internal/observe"
)

// Chain is a chain of certificates, leaf first, and where it is from.
type Chain struct {
	Name string
	// Certificates is empty where Go does not accept the chain, and Problem says why then.
	Certificates []*x509.Certificate
	Problem      string
}

// Leaf returns the certificate that is served, nil where Go does not accept it.
func (c *Chain) Leaf() *x509.Certificate {
	if len(c.Certificates) == 0 {
		return nil
	}

	return c.Certificates[0]
}

// ReadFile reads a served chain from a PEM file. Keys in it are not looked at.
func ReadFile(path string) (*Chain, error) {
	content, err := files.Read(path)
	if err != nil {
		return nil, err
	}
	ders := decode(content)
	if len(ders) == 0 {
		return nil, fmt.Errorf("%s: wanted a PEM file with a certificate", path)
	}

	return chainOf(path, ders), nil
}

// ReadAll reads the certificates of a PEM file one by one. Those that can't be parsed are left out,
// as the plugin leaves them out.
func ReadAll(content []byte) []*x509.Certificate {
	var all []*x509.Certificate
	for _, der := range decode(content) {
		if certificate, err := x509.ParseCertificate(der); err == nil {
			all = append(all, certificate)
		}
	}

	return all
}

func decode(content []byte) [][]byte {
	var ders [][]byte
	for {
		var block *pem.Block
		block, content = pem.Decode(content)
		if block == nil {
			return ders
		}
		if block.Type == "CERTIFICATE" {
			ders = append(ders, block.Bytes)
		}
	}
}

// chainOf takes what the plugin takes.
func chainOf(name string, ders [][]byte) *Chain {
	certificates, err := observe.Parse(ders)
	if err != nil {
		return &Chain{Name: name, Problem: err.Error()}
	}

	return &Chain{Name: name, Certificates: certificates}
}

// timeout bounds a handshake.
const timeout = 10 * time.Second

// Serve asks a server for the certificate that it serves for a name, "" for none, with a real
// handshake. Nothing is verified.
func Serve(ctx context.Context, address, serverName string) (*Chain, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var served [][]byte
	dialer := tls.Dialer{Config: &tls.Config{
		ServerName:         serverName,
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS10,
		VerifyPeerCertificate: func(ders [][]byte, _ [][]*x509.Certificate) error {
			served = ders

			return nil
		},
	}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err == nil {
		_ = conn.Close()
	}
	if len(served) > 0 { // also where the server then wants a certificate of ours
		return chainOf(address, served), nil
	}
	if err == nil {
		err = errors.New("the server sent no certificate")
	}

	return nil, fmt.Errorf("the certificate served at %s: %w", address, err)
}

// IsAddress reports whether a text is a host and a port, and not the name of a file.
func IsAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" {
		return false
	}
	_, err = net.LookupPort("tcp", port)

	return err == nil
}
