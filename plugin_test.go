package tenantguard

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
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
		*config = c.keys
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
