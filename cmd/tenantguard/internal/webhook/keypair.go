package webhook

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/files"
)

// readAfter is how old what was read of the files may be at a handshake.
const readAfter = time.Second

// Files are a certificate and its key in files that somebody else renews, such as the kubelet for a
// Secret of cert-manager's. While they are unreadable or do not match the last good ones serve.
type Files struct {
	cert, key string
	// say hears of what is wrong, and of what is right again.
	say func(err error)

	mu      sync.Mutex
	content []byte
	current *tls.Certificate
	readAt  time.Time
	failure string
}

// NewFiles returns the files, or why they can't be used.
func NewFiles(cert, key string, say func(err error)) (*Files, error) {
	f := &Files{cert: cert, key: key, say: say}
	if err := f.read(); err != nil {
		return nil, err
	}
	f.readAt = time.Now()

	return f, nil
}

// Certificate returns what to serve, for tls.Config.GetCertificate.
func (f *Files) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.readAt) >= readAfter {
		f.readAt = time.Now()
		f.report(f.read())
	}

	return f.current, nil
}

// Expiry returns when the certificate expires.
func (f *Files) Expiry() time.Time {
	current, _ := f.Certificate(nil)

	return current.Leaf.NotAfter
}

// report says an error once.
func (f *Files) report(err error) {
	failure := ""
	if err != nil {
		failure = err.Error()
	}
	if failure != f.failure {
		f.failure = failure
		f.say(err)
	}
}

func (f *Files) read() error {
	cert, err := files.Read(f.cert)
	if err != nil {
		return err
	}
	key, err := files.Read(f.key)
	if err != nil {
		return err
	}
	content := append(append([]byte{}, cert...), key...)
	if bytes.Equal(content, f.content) {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("%s and %s: %w", f.cert, f.key, err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return err
		}
	}
	if time.Now().After(pair.Leaf.NotAfter) && f.current != nil {
		return errors.New(f.cert + " has expired")
	}
	f.current, f.content = &pair, content

	return nil
}
