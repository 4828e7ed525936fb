package webhook

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// sharedPage is how many Secrets are asked for at once, and sharedPages how often.
	sharedPage  = 250
	sharedPages = 20
	// sharedFor is how long it is remembered which certificates there are, and sharedPause how long
	// after one look another is taken for one that was not there.
	sharedFor   = 30 * time.Second
	sharedPause = time.Second
	// maxComparing is how many requests wait for a look: the others must not wait for these.
	maxComparing = 3
)

var (
	errTooMany   = errors.New("there are too many Secrets")
	errComparing = errors.New("too many are compared at once, try again")
)

// SharedSecrets knows the certificates in the Secrets of shared namespaces: a digest of each.
type SharedSecrets struct {
	client kubernetes.Interface
	places chan struct{}

	// reading is held while the API is asked.
	reading sync.Mutex
	// mu guards what follows, and is held for moments only.
	mu     sync.Mutex
	leaves map[string]map[[sha256.Size]byte]bool
	readAt map[string]time.Time
}

// NewSharedSecrets returns SharedSecrets that have read nothing.
func NewSharedSecrets(client kubernetes.Interface) *SharedSecrets {
	return &SharedSecrets{
		client: client, places: make(chan struct{}, maxComparing),
		leaves: map[string]map[[sha256.Size]byte]bool{}, readAt: map[string]time.Time{},
	}
}

// Has reports whether a certificate, in DER, lies in a Secret of one of the namespaces. For one
// that is not known one request looks at a time, and a few others wait for it: whoever writes
// forged ones without pause must not keep known ones from passing.
func (s *SharedSecrets) Has(ctx context.Context, namespaces []string, der []byte) (bool, error) {
	leaf := sha256.Sum256(der)
	if s.isKnown(namespaces, leaf) {
		return true, nil
	}
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	default:
		return false, errComparing
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.isKnown(namespaces, leaf) {
		return true, nil
	}
	var failure error
	for _, namespace := range namespaces {
		if s.age(namespace) < sharedPause {
			continue
		}
		leaves, err := s.read(ctx, namespace)
		if err != nil {
			failure = err

			continue
		}
		s.set(namespace, leaves)
		if leaves[leaf] {
			return true, nil
		}
	}

	return false, failure
}

// isKnown reports whether a certificate lay in one of the namespaces a moment ago.
func (s *SharedSecrets) isKnown(namespaces []string, leaf [sha256.Size]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, namespace := range namespaces {
		if s.leaves[namespace][leaf] && time.Since(s.readAt[namespace]) < sharedFor {
			return true
		}
	}

	return false
}

// age returns how long ago the Secrets of a namespace were read.
func (s *SharedSecrets) age(namespace string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()

	return time.Since(s.readAt[namespace])
}

func (s *SharedSecrets) set(namespace string, leaves map[[sha256.Size]byte]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaves[namespace], s.readAt[namespace] = leaves, time.Now()
}

func (s *SharedSecrets) read(ctx context.Context, namespace string,
) (map[[sha256.Size]byte]bool, error) {
	leaves := map[[sha256.Size]byte]bool{}
	options := metav1.ListOptions{Limit: sharedPage}
	for range sharedPages {
		list, err := s.client.CoreV1().Secrets(namespace).List(ctx, options)
		if err != nil {
			return nil, err
		}
		for _, secret := range list.Items {
			if chain, err := servedChain(secret.Data); err == nil {
				leaves[sha256.Sum256(chain[0].Raw)] = true
			}
		}
		if list.Continue == "" {
			return leaves, nil
		}
		options.Continue = list.Continue
	}

	return nil, errTooMany
}
