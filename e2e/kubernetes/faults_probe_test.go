package kubernetes_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// sample is one request and its answer.
type sample struct {
	start, end time.Time
	status     int
	reason     string
	err        error
}

// send makes one request on a new connection.
func (l *faultLab) send(ctx context.Context, host string) sample {
	s := sample{start: time.Now()}
	defer func() { s.end = time.Now() }()
	conn, err := lab.TryDial(ctx, lab.HTTP1, l.tr.Target(host))
	if err != nil {
		s.err = err
		return s
	}
	defer conn.Close()
	response, err := conn.Try(ctx, lab.Request{Host: host})
	if err != nil {
		s.err = err
		return s
	}
	s.status, s.reason, s.end = response.Status, response.Reason(), time.Now()

	return s
}

// prober requests a host again and again.
type prober struct {
	host string
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex
	samples []sample
}

func (l *faultLab) probe(t *testing.T, host string) *prober {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	p := &prober{host: host, stop: stop, done: make(chan struct{})}
	t.Cleanup(stop)
	go func() {
		defer close(p.done)
		for ctx.Err() == nil {
			s := l.send(t.Context(), host)
			p.mu.Lock()
			p.samples = append(p.samples, s)
			p.mu.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(probePause):
			}
		}
	}()

	return p
}

// end stops the requests and returns the answers.
func (p *prober) end() []sample {
	p.stop()
	<-p.done

	return p.samples
}

// allDenied ends the requests, checks that the guard denied all of them, and returns the answers.
func (p *prober) allDenied(t *testing.T, began time.Time) []sample {
	t.Helper()
	samples := p.end()
	require.NotEmpty(t, samples)
	for _, s := range samples {
		require.NoError(t, s.err, p.host)
		require.NotEqual(t, http.StatusOK, s.status, "%s passed %s after the fault began",
			p.host, s.start.Sub(began))
		require.NotEmpty(t, s.reason, "%s: %d is not the guard's", p.host, s.status)
	}

	return samples
}

// passing reports whether the latest requests passed, all of them made after a time.
func (p *prober) passing(after time.Time) bool {
	const enough = 5
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.samples) < enough {
		return false
	}
	return !slices.ContainsFunc(p.samples[len(p.samples)-enough:], func(s sample) bool {
		return s.status != http.StatusOK || s.start.Before(after)
	})
}

func after(samples []sample, start time.Time) []sample {
	return slices.DeleteFunc(slices.Clone(samples), func(s sample) bool {
		return s.start.Before(start)
	})
}
