package guard

import (
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/observe"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/status"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

const (
	// buildTime is how long after the beginning of a reload Traefik may still be building its
	// routers: until then those of the one before are the ones in use.
	buildTime = 10 * time.Second
	// stateHolds is how long what was gathered is shown again, whoever asks for it how often.
	stateHolds = time.Second
)

// isStatus reports whether a middleware is a status page: the operator's, and nothing wrong with
// it. Any other one that asks for that guards, and its policy has errors.
func isStatus(keys map[string]any, name string) bool {
	if !policy.WantsStatus(keys) {
		return false
	}
	parsed := policy.ParseKeys(keys, policy.Refusal(name, os.Getenv), "")
	return parsed.Status && len(parsed.Errors) == 0
}

// statusPage is what one reload has of the status page: Traefik's own API, and what it said.
type statusPage struct {
	next http.Handler

	// asking is held while the API is asked.
	asking sync.Mutex
	// mu is held for moments only.
	mu    sync.Mutex
	found *status.Findings
}

// addPage returns the handler of the status page in front of a router. The caller holds reloads.
func (r *reload) addPage(next http.Handler) http.Handler {
	if r.page == nil {
		r.page = &statusPage{next: next}
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		isBrief := strings.HasSuffix(req.URL.Path, "/metrics")
		status.Serve(rw, req, func() *status.State { return states.get(!isBrief) })
	})
}

// ask asks Traefik's API once, and says what it found out.
func (p *statusPage) ask() *status.Findings {
	p.asking.Lock()
	defer p.asking.Unlock()
	p.mu.Lock()
	found := p.found
	p.mu.Unlock()
	if found != nil {
		return found
	}
	asked := status.Ask(p.next, namesInUse(), policy.WantsStatus)
	p.mu.Lock()
	p.found = &asked
	p.mu.Unlock()
	sayOpen(&asked)
	return &asked
}

// currentPage returns the status page of the routers in use, nil for none.
func currentPage() *statusPage {
	reloads.Lock()
	defer reloads.Unlock()
	if reloads.current == nil {
		return nil
	}
	return reloads.current.page
}

// askTraefik asks Traefik's API after a reload. It is not asked while routers are built: what it
// would say is still being written.
func askTraefik() {
	reloads.Lock()
	isNew := reloads.current == nil || time.Since(reloads.current.began) < pollInterval
	reloads.Unlock()
	if page := currentPage(); page != nil && !isNew {
		page.ask()
	}
}

// namesInUse returns the names of the guards that routers have.
func namesInUse() map[string]bool {
	reloads.Lock()
	defer reloads.Unlock()
	names := map[string]bool{}
	for _, r := range []*reload{reloads.current, reloads.previous} {
		if r == nil || (r == reloads.previous && time.Since(reloads.current.began) > buildTime) {
			continue
		}
		for name := range r.middlewares {
			names[name] = true
		}
	}
	return names
}

// saidOpen is which routers without a guard were said last.
var saidOpen = struct {
	sync.Mutex
	text string
}{}

// sayOpen says which routers have no guard, once until others have none.
func sayOpen(found *status.Findings) {
	var routers, entryPoints []string
	for _, r := range found.Unguarded {
		routers = append(routers, r.Name+" on "+strings.Join(r.EntryPoints, ","))
	}
	for _, e := range found.EntryPoints {
		if len(e.Guards) == 0 && e.Open > 0 {
			entryPoints = append(entryPoints, e.Name)
		}
	}
	text := strings.Join(routers, " ") + "\n" + strings.Join(entryPoints, " ")
	saidOpen.Lock()
	isNew := saidOpen.text != text
	saidOpen.text = text
	saidOpen.Unlock()
	if !isNew {
		return
	}
	if len(routers) > 0 {
		log.Unguarded(routers, found.Traefik.Unguarded)
	}
	if len(entryPoints) > 0 {
		log.OpenEntryPoints(entryPoints)
	}
}

// counted has a cache's handshakes be counted.
func counted(cache *observe.Cache) *observe.Cache {
	cache.Count = func(result string) { counters.Observed(result) }
	return cache
}

// count counts a request that was judged, and notes which certificate it was served with.
func (g *Guard) count(d decision) {
	counters.Judged()
	if d.chain == nil {
		return
	}
	serving := status.Serving{
		Host: string(d.request.Host), Owner: d.policy.Hosts.Owner(d.request.Host),
		Router: g.router.Name, Verdict: string(d.code), Problem: d.chain.Problem, At: time.Now(),
	}
	if d.binding.Tenant != nil {
		serving.Tenant = d.binding.Tenant.Name
	}
	if len(d.chain.Certificates) > 0 {
		serving.Leaf = d.chain.Certificates[0]
		if d.code == verdict.Pass && d.problem == "" {
			serving.Owned = ownedBy(d)
		}
	}
	counters.Served(serving)
}

// ownedBy says how a certificate that passed comes to serve the tenant.
func ownedBy(d decision) string {
	c := verdict.JudgedAs(d.policy, d.request.Request).Certificates
	by := "names"
	if d.judged.IsPinned {
		by = "shared by pin"
	} else if d.judged.HasSharedNames {
		by = "shared names"
	}
	if c.Roots != nil {
		by += ", verified to roots"
	}
	if len(c.Pins) > 0 && !d.judged.IsPinned {
		by += ", pinned"
	}
	if c.Secrets {
		by += ", in a Secret"
	}
	return by
}

// states keeps the latest state for a moment.
var states = &stateCache{}

type stateCache struct {
	mu    sync.Mutex
	brief *status.State
	full  *status.State
}

// get returns what is so now. A full state has the routers' tenants too, for which every router's
// name is looked at.
func (c *stateCache) get(full bool) *status.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	latest := c.brief
	if full {
		latest = c.full
	}
	if latest != nil && time.Since(latest.Now) < stateHolds {
		return latest
	}
	made := gather(full)
	if full {
		c.full = made
	} else {
		c.brief = made
	}
	return made
}

// sortedNames returns the names of a set in their order.
func sortedNames(set map[string]bool) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
