package kubernetes_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// page is what a victim serves: a host and a path, and the name of its backend.
type page struct{ host, path, tenant string }

// watch is a client that requests a victim's pages without pause, each time on a new connection.
type watch struct {
	pages []watched
	stop  context.CancelFunc
	ended sync.WaitGroup

	mu       sync.Mutex
	requests int
	// first is the first answer that was not the victim's own, and other counts these.
	first string
	other int
}

// watched is a page at a Traefik, with the certificate that it was served with at first.
type watched struct {
	page
	target      lab.Target
	certificate *x509.Certificate
}

// pagesOf returns which of the pages are served by somebody else than the attacker. The last one
// must be, once what earlier attacks made is removed.
func (w *world) pagesOf(t *testing.T, tr *cluster.Traefik, attacker string, tried []page) []page {
	t.Helper()
	servedBy := func(p page) string {
		response, err := w.tryPage(t.Context(), w.pageAt(tr, p))
		if err != nil || response.Status != http.StatusOK || response.Tenant() == attacker {
			return ""
		}
		return response.Tenant()
	}
	last := tried[len(tried)-1]
	require.Eventually(t, func() bool { return servedBy(last) != "" }, 10*time.Second,
		20*time.Millisecond, "%v is not served before the attack", last)
	var served []page
	for _, p := range tried {
		if p.tenant = servedBy(p); p.tenant != "" {
			served = append(served, p)
		}
	}

	return served
}

// pageAt returns a page at a Traefik. The client has a certificate, for hosts that want one.
func (w *world) pageAt(tr *cluster.Traefik, p page) watched {
	target := tr.Target(p.host)
	target.TLS = func(config *tls.Config) { config.Certificates = w.client }

	return watched{page: p, target: target}
}

// watch begins to request the pages, which must all be served already.
func (w *world) watch(t *testing.T, tr *cluster.Traefik, pages []page) *watch {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	s := &watch{stop: stop}
	for _, p := range pages {
		at := w.pageAt(tr, p)
		require.Eventually(t, func() bool {
			response, err := w.tryPage(ctx, at)
			if err != nil || response.Tenant() != p.tenant {
				return false
			}
			at.certificate = response.Served
			return true
		}, 10*time.Second, 50*time.Millisecond, "%s%s is not served by %s", p.host, p.path,
			p.tenant)
		s.pages = append(s.pages, at)
	}
	s.ended.Go(func() {
		for ctx.Err() == nil {
			for _, at := range s.pages {
				response, err := w.tryPage(ctx, at)
				if ctx.Err() == nil {
					s.count(at, response, err)
				}
			}
		}
	})

	return s
}

func (s *watch) count(at watched, response *lab.Response, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	var what string
	switch {
	case err != nil:
		what = "TLS fails"
	case response.Reason() != "":
		what = fmt.Sprintf("%d %s", response.Status, response.Reason())
	case response.Tenant() == "":
		what = fmt.Sprintf("%d from Traefik", response.Status)
	case response.Tenant() != at.tenant:
		what = response.Tenant() + " answers"
	case response.Status != http.StatusOK:
		what = fmt.Sprintf("%d from %s", response.Status, at.tenant)
	case !response.Served.Equal(at.certificate):
		what = "with another certificate"
	default:
		return
	}
	s.other++
	if s.first == "" {
		s.first = what
	}
}

// failed reports whether there was an answer that was not the victim's own.
func (s *watch) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.other > 0
}

// result stops the client and returns whether each answer was the victim's own.
func (s *watch) result(t *testing.T) string {
	t.Helper()
	s.stop()
	s.ended.Wait()
	require.NotZero(t, s.requests)
	if s.other == 0 {
		return "yes"
	}

	return "no: " + s.first
}

// tryPage requests a page on a new connection.
func (w *world) tryPage(ctx context.Context, at watched) (*lab.Response, error) {
	conn, err := lab.TryDial(ctx, lab.HTTP1, at.target)
	if err != nil {
		return nil, err
	}
	defer conn.Close()

	return conn.Try(ctx, lab.Request{Host: at.host, Path: at.path})
}
