package verdict_test

import (
	"testing"

	"github.com/tenantguard/tenantguard/internal/verdict"
)

// TestCodes has the status that the contract gives each denial, and whether its connection ends: only
// where the certificate that the connection was made with is itself refused.
func TestCodes(t *testing.T) {
	rows := []struct {
		code   verdict.Code
		status int
		ends   bool
	}{
		{"policy-invalid", 503, false},
		{"router-unknown", 403, false},
		{"router-unbound", 403, false},
		{"router-ambiguous", 403, false},
		{"host-invalid", 400, false},
		{"host-unowned", 403, false},
		{"host-foreign", 403, false},
		{"tls-required", 403, false},
		{"sni-missing", 421, false},
		{"sni-foreign", 421, false},
		{"certificate-unavailable", 503, false},
		{"certificate-expired", 421, true},
		{"certificate-name", 421, true},
		{"certificate-foreign", 421, true},
		{"certificate-untrusted", 421, true},
		{"certificate-unpinned", 421, true},
		{"certificate-secret", 421, true},
	}
	listed := map[verdict.Code]bool{}
	for _, code := range verdict.Codes() {
		listed[code] = true
	}
	if len(listed) != len(rows) {
		t.Errorf("%d codes are listed, want %d", len(listed), len(rows))
	}
	for _, row := range rows {
		if !listed[row.code] {
			t.Errorf("%s is not listed", row.code)
		}
		if status := verdict.Status(row.code); status != row.status {
			t.Errorf("%s has status %d, want %d", row.code, status, row.status)
		}
		if ends := verdict.EndsConnection(row.code); ends != row.ends {
			t.Errorf("%s ends the connection: %t, want %t", row.code, ends, row.ends)
		}
	}
}
