package guard

import (
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

// maxExpiring bounds the certificates of a tenant that are warned of in a day: one tenant's may be
// any number, and hide no other's.
const maxExpiring = 100

// warnedOf has the certificates of each tenant that were warned of on a day, by pin and end, so
// that each is warned of once a day.
var warnedOf = struct {
	sync.Mutex
	day  int64
	said map[string]map[string]bool
}{}

// warnOfExpiry warns of a certificate with which a request passed and that is over soon.
func (g *Guard) warnOfExpiry(tenant string, leaf *x509.Certificate, now time.Time) {
	if !verdict.ExpiresSoon(leaf, now) {
		return
	}
	end := leaf.NotAfter.UTC().Format(time.RFC3339)
	of := tenant
	if g.middleware.IsTenants() {
		of = "" // in a policy of their own tenants call each other as they like
	}
	if isNewToday(of, verdict.Pin(leaf)+" "+end, now.Unix()/(24*60*60)) {
		log.Policy(report.Notice{Middleware: g.name, Expiring: fmt.Sprintf(
			"tenant %q: %s: expires at %s", tenant, verdict.Describe(leaf), end)})
	}
}

func isNewToday(tenant, certificate string, day int64) bool {
	warnedOf.Lock()
	defer warnedOf.Unlock()
	if warnedOf.day != day || warnedOf.said == nil {
		warnedOf.day = day
		warnedOf.said = map[string]map[string]bool{}
	}
	said := warnedOf.said[tenant]
	if said == nil {
		said = map[string]bool{}
		warnedOf.said[tenant] = said
	}
	if said[certificate] || len(said) >= maxExpiring {
		return false
	}
	said[certificate] = true
	return true
}
