package verdict

import (
	"crypto/x509"
	"testing"
	"time"
)

// TestExpiresSoon looks at certificates of several lives.
func TestExpiresSoon(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Unix(1_800_000_000, 0)
	rows := []struct {
		description string
		life, left  time.Duration
		want        bool
	}{
		{"of 90 days, new", 90 * day, 90 * day, false},
		{"of 90 days, due", 90 * day, 29 * day, false},
		{"of 90 days, the day before", 90 * day, 14 * day, false},
		{"of 90 days, 14 days left", 90 * day, 14*day - time.Second, true},
		{"of 6 days, new", 6 * day, 6 * day, false},
		{"of 6 days, a third is left", 6 * day, 2 * day, false},
		{"of 6 days, less is left", 6 * day, 2*day - time.Second, true},
		{"of a day, an hour left", day, time.Hour, true},
	}
	for _, row := range rows {
		leaf := &x509.Certificate{
			NotBefore: now.Add(row.left - row.life), NotAfter: now.Add(row.left),
		}
		if got := ExpiresSoon(leaf, now); got != row.want {
			t.Errorf("%s: %t, want %t", row.description, got, row.want)
		}
	}
}
