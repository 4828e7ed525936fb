package guard

import (
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// maxExpiring bounds the certificates that are warned of in a day.
const maxExpiring = 1000

// warnedOf has the certificates that were warned of on a day, by pin and end, so that each is
// warned of once a day.
var warnedOf = struct {
	sync.Mutex
	day  int64
	said map[string]bool
}{}

// warnOfExpiry warns of a certificate with which a request passed and that is over soon.
func (g *Guard) warnOfExpiry(tenant string, leaf *x509.Certificate, now time.Time) {
	if !verdict.ExpiresSoon(leaf, now) {
		return
	}
	end := leaf.NotAfter.UTC().Format(time.RFC3339)
	if isNewToday(verdict.Pin(leaf)+" "+end, now.Unix()/(24*60*60)) {
		log.Policy(report.Notice{Middleware: g.name, Expiring: fmt.Sprintf(
			"tenant %q: %s: expires at %s", tenant, verdict.Describe(leaf), end)})
	}
}

func isNewToday(certificate string, day int64) bool {
	warnedOf.Lock()
	defer warnedOf.Unlock()
	if warnedOf.day != day || warnedOf.said == nil {
		warnedOf.day = day
		warnedOf.said = map[string]bool{}
	}
	if warnedOf.said[certificate] || len(warnedOf.said) >= maxExpiring {
		return false
	}
	warnedOf.said[certificate] = true
	return true
}
