package verdict

import (
	"crypto/x509"
	"time"
)

// expiresSoon is how long before its end a certificate is warned of.
const expiresSoon = 14 * 24 * time.Hour

// ExpiresSoon reports whether a certificate that is valid now should have been renewed: it ends
// within 14 days, and less than a third of its life is left. Those that live for days only are
// renewed so late that the days alone would say nothing.
func ExpiresSoon(leaf *x509.Certificate, now time.Time) bool {
	left := leaf.NotAfter.Sub(now)
	return left < expiresSoon && left < leaf.NotAfter.Sub(leaf.NotBefore)/3
}
