package tenantguard

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestNewReturnsNoError gives New what it must answer at request time.
func TestNewReturnsNoError(t *testing.T) {
	configurations := []struct {
		description string
		keys        map[string]any
	}{
		{"nothing", nil},
		{"an unknown key", map[string]any{"tenant": "acme"}},
		{"wrong types", map[string]any{"tenants": 5, "mode": []any{}, "exposeReason": true}},
	}
	for _, c := range configurations {
		config := CreateConfig()
		config.Keys = c.keys
		guard, err := New(context.Background(), http.NotFoundHandler(), config,
			c.description+"@file")
		if err != nil || guard == nil {
			t.Fatalf("%s: %v", c.description, err)
		}
		rw := httptest.NewRecorder()
		guard.ServeHTTP(rw, httptest.NewRequest(http.MethodGet, "/", nil))
		if rw.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d, want 503", c.description, rw.Code)
		}
	}
}

// TestNewReleasesItsLock has New panic, by a configuration that Traefik never gives.
func TestNewReleasesItsLock(t *testing.T) {
	func() {
		defer func() { _ = recover() }()
		_, _ = New(context.Background(), nil, nil, "panic@file")
		t.Error("no panic")
	}()
	built := make(chan bool)
	go func() {
		_, _ = New(context.Background(), nil, CreateConfig(), "panic@file")
		close(built)
	}()
	select {
	case <-built:
	case <-time.After(10 * time.Second):
		t.Error("no router can be built any more")
	}
}
