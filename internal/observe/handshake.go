package observe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// handshakeTimeout bounds one observation.
const handshakeTimeout = 5 * time.Second

// handshake does one TLS handshake and closes the connection without a request. It returns the
// chain that was served, leaf first.
func handshake(address, serverName string, timeout time.Duration) ([]*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	chain, err := shake(ctx, address, serverName)
	if err != nil {
		return nil, fmt.Errorf("observing the certificate served for %q at %q: %w",
			serverName, address, err)
	}
	if len(chain) == 0 {
		return nil, errors.New("the server sent no certificate")
	}
	return chain, nil
}

func shake(ctx context.Context, address, serverName string) ([]*x509.Certificate, error) {
	dialer := net.Dialer{}
	if serverName == "" {
		own, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			return nil, err
		}
		// The address may be one that a client wrote into a PROXY protocol header. Only this
		// machine connects from its own addresses, so that none but these are connected to.
		dialer.LocalAddr = &net.TCPAddr{IP: own.IP, Zone: own.Zone}
	}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	config := observer(serverName)
	asked := false
	config.GetClientCertificate = func(_ *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		return &tls.Certificate{}, nil
	}
	client := tls.Client(conn, config)
	err = client.HandshakeContext(ctx)
	state := client.ConnectionState()
	if err != nil && !(asked && hasSigned(state)) {
		return nil, err
	}
	return state.PeerCertificates, nil
}

// isUnreachable reports whether a handshake failed because the entry point can't be reached in
// time: the connection could not be made, was lost or took too long. Whatever else went wrong is an
// answer, such as an alert in place of a certificate that crypto/tls can't sign with, a certificate
// that Go does not accept, or a chain that is longer than Go reads.
func isUnreachable(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	for err != nil {
		failed, ok := err.(*net.OpError)
		if ok && (failed.Op == "dial" || failed.Op == "read" || failed.Op == "write") {
			return true
		}
		err = errors.Unwrap(err)
	}
	return false
}

// hasSigned reports whether a server which asked for a client certificate had proved its key
// before: a handshake that then fails, because we have none, is an observation as good as a
// finished one. In TLS 1.2 the server signs its key exchange and then asks (RFC 5246 section
// 7.3), and a bad signature ends the handshake before crypto/tls answers. Only in the key
// exchange by RSA encryption it signs nothing. In TLS 1.3 the client has finished when the server
// looks for the certificate.
func hasSigned(state tls.ConnectionState) bool {
	return !strings.HasPrefix(tls.CipherSuiteName(state.CipherSuite), "TLS_RSA_")
}

// observer returns a configuration that takes whatever the entry point's TLS options leave: any
// version and any cipher. It offers no protocol (ALPN), which the options might refuse, keeps no
// session, so that each handshake is a full one, and verifies nothing: that is for the verdict to
// do.
func observer(serverName string) *tls.Config {
	return &tls.Config{
		ServerName:         serverName,
		MinVersion:         tls.VersionTLS10,
		CipherSuites:       suites,
		InsecureSkipVerify: true,
	}
}

// suites are all that crypto/tls has.
var suites = allSuites()

func allSuites() []uint16 {
	var all []uint16
	for _, suite := range tls.CipherSuites() {
		all = append(all, suite.ID)
	}
	for _, suite := range tls.InsecureCipherSuites() {
		all = append(all, suite.ID)
	}
	return all
}
