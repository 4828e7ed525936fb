// Package tenantguard denies every request, for the tests of the lab.
package tenantguard

import (
	"context"
	"net/http"

	"github.com/tenantguard/tenantguard/internal/said"
)

// Config is the code to deny with; empty lets requests pass.
type Config struct{ Reason string }

// CreateConfig returns the default configuration.
func CreateConfig() *Config { return &Config{} }

// New returns a handler that denies, or next if the reason is empty.
func New(_ context.Context, next http.Handler, config *Config, _ string) (http.Handler, error) {
	return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if config.Reason == "" {
			next.ServeHTTP(rw, req)
			return
		}
		said.Denial(config.Reason, req.Host)
		rw.Header().Set("Tenantguard-Reason", config.Reason)
		http.Error(rw, "denied", http.StatusForbidden)
	}), nil
}
