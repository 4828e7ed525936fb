package served

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// handshakeTimeout bounds one observation.
const handshakeTimeout = 5 * time.Second

// handshake does one TLS handshake and closes the connection without a request.
func handshake(address, serverName string) ([]*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	defer cancel()
	dialer := net.Dialer{}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("observing the certificate served for %q at %q: %w", serverName, address, err)
	}
	defer conn.Close()
	client := tls.Client(conn, observer(serverName))
	err = client.HandshakeContext(ctx)
	chain := client.ConnectionState().PeerCertificates
	if err != nil && !refusedAfterCertificate(err) {
		return nil, fmt.Errorf("observing the certificate served for %q at %q: %w", serverName, address, err)
	}
	if len(chain) == 0 {
		return nil, errors.New("the server sent no certificate")
	}
	return chain, nil
}

// refusedAfterCertificate tells that the server ended the handshake because we have no client certificate: in TLS 1.2 the
// alert follows the signature with which it proved its key (RFC 5246 section 7.3).
func refusedAfterCertificate(err error) bool {
	return strings.Contains(err.Error(), "remote error: tls:")
}

// observer takes whatever the entry point's TLS options leave: any version and any cipher. It offers no protocol (ALPN),
// which the options might refuse, keeps no session, so that each handshake is a full one, and verifies nothing: that is
// for the verdict to do.
func observer(serverName string) *tls.Config {
	config := &tls.Config{
		ServerName:         serverName,
		MinVersion:         tls.VersionTLS10,
		InsecureSkipVerify: true,
	}
	for _, suite := range tls.CipherSuites() {
		config.CipherSuites = append(config.CipherSuites, suite.ID)
	}
	for _, suite := range tls.InsecureCipherSuites() {
		config.CipherSuites = append(config.CipherSuites, suite.ID)
	}
	return config
}
