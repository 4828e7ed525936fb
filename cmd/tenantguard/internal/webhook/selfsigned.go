package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// authoritiesKey is the key of the Secret of authorities. It is not tls.crt, so nobody takes
	// the Secret for one to serve.
	authoritiesKey = "authorities.pem"
	// ensureEvery is how often SelfSigned looks after its Secret and the webhook's configuration.
	ensureEvery = 5 * time.Second
	// retries is how often a change is tried that another replica came before.
	retries = 5
)

// SelfSigned makes the serving certificate itself: the authorities that issue it are in a Secret
// that all replicas share, and in the caBundle of the webhook's configuration. Another authority is
// known to the API servers well before it issues, so no request is refused when it changes.
type SelfSigned struct {
	Client kubernetes.Interface
	// Namespace and Secret are where the authorities are kept, a Secret that must exist.
	Namespace, Secret string
	// Names are what the API server calls the webhook by.
	Names []string
	// Configuration is the name of the ValidatingWebhookConfiguration.
	Configuration string

	mu      sync.Mutex
	current *tls.Certificate
}

// Certificate returns what to serve, for tls.Config.GetCertificate.
func (s *SelfSigned) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.current, nil
}

// Expiry returns when the certificate expires.
func (s *SelfSigned) Expiry() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.current.Leaf.NotAfter
}

// Run looks after the certificate until ctx is done. say hears of each failure, and of nil once
// there is none any more.
func (s *SelfSigned) Run(ctx context.Context, say func(err error)) {
	failed := false
	ticker := time.NewTicker(ensureEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := s.Ensure(ctx)
		if err != nil || failed {
			say(err)
		}
		failed = err != nil
	}
}

// Ensure makes what is missing or worn: authorities, caBundle and the certificate.
func (s *SelfSigned) Ensure(ctx context.Context) error {
	now := time.Now()
	authorities, err := s.authorities(ctx, now)
	if err != nil {
		return fmt.Errorf("the Secret %s/%s: %w", s.Namespace, s.Secret, err)
	}
	if err := s.publish(ctx, bundle(authorities)); err != nil {
		return fmt.Errorf("the ValidatingWebhookConfiguration %s: %w", s.Configuration, err)
	}
	by := issuer(authorities, now)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && !isWorn(s.current.Leaf, now) && issued(by.certificate, s.current.Leaf) {
		return nil
	}
	s.current, err = by.issue(now, s.Names...)

	return err
}

func issued(authority, leaf *x509.Certificate) bool {
	return leaf.CheckSignatureFrom(authority) == nil
}

// authorities reads the authorities, and renews them where that is due.
func (s *SelfSigned) authorities(ctx context.Context, now time.Time) ([]authority, error) {
	secrets := s.Client.CoreV1().Secrets(s.Namespace)
	var failure error
	for range retries {
		secret, err := secrets.Get(ctx, s.Secret, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("%w; create it, empty", err)
		}
		if err != nil {
			return nil, err
		}
		known, err := decode(secret.Data[authoritiesKey])
		if err != nil {
			return nil, fmt.Errorf("%s: %w; remove this key", authoritiesKey, err)
		}
		authorities, changed, err := renewed(known, now)
		if err != nil || !changed {
			return authorities, err
		}
		if secret.Data == nil {
			secret.Data = map[string][]byte{}
		}
		if secret.Data[authoritiesKey], err = encode(authorities); err != nil {
			return nil, err
		}
		if _, failure = secrets.Update(ctx, secret, metav1.UpdateOptions{}); failure == nil {
			return authorities, nil
		}
		if !apierrors.IsConflict(failure) {
			return nil, failure
		}
	}

	return nil, failure
}

// publish writes the authorities into the webhook's configuration. That it is not there yet is no
// failure: it is best applied once the webhook runs.
func (s *SelfSigned) publish(ctx context.Context, authorities []byte) error {
	configurations := s.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	var failure error
	for range retries {
		configuration, err := configurations.Get(ctx, s.Configuration, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		changed := false
		for i := range configuration.Webhooks {
			client := &configuration.Webhooks[i].ClientConfig
			if !bytes.Equal(client.CABundle, authorities) {
				client.CABundle = authorities
				changed = true
			}
		}
		if !changed {
			return nil
		}
		_, failure = configurations.Update(ctx, configuration, metav1.UpdateOptions{})
		if failure == nil {
			return nil
		}
		if !apierrors.IsConflict(failure) {
			return failure
		}
	}

	return failure
}
