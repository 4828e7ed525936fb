package guard

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/status"
	"github.com/tenantguard/tenantguard/internal/traefik"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

const (
	// buildTime is how long after the beginning of a reload Traefik may still be building its
	// routers: until then those of the one before are the ones in use.
	buildTime = 10 * time.Second
	// stateHolds is how long what was gathered is shown again at least, whoever asks for it how
	// often, and holdsTimes how many times as long as it took.
	stateHolds = time.Second
	holdsTimes = 4
	// askAgain is how long it takes until an API that did not answer is asked again.
	askAgain = 10 * time.Second
	// maxRefused bounds the routers of a reload of which it is said that they are refused the page.
	maxRefused = 20
)

// isStatus reports whether a middleware is a status page: the operator's, and nothing wrong with
// it. Any other one that asks for that guards, and its policy has errors.
func isStatus(keys map[string]any, name string) bool {
	// Before anything is read: a tenant may write any number of keys.
	if !policy.IsOperators(name, os.Getenv) || !policy.WantsStatus(keys) {
		return false
	}
	parsed := policy.ParseKeys(keys, "", "")
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

// refusalOfPage returns why a router must not show the status page, "" if it may: whoever writes
// routers may put the operator's own middleware in front of one of theirs, would then see all
// tenants, and would be asked instead of Traefik's API. Where Traefik does not say the router's
// name, it must lead to that API. It is a variable because tests have no routers with names.
var refusalOfPage = func(ctx context.Context, next http.Handler) string {
	router := traefik.RouterOf(ctx).Name
	if router == "" {
		if traefik.ChildRouters(next).IsAPI {
			return ""
		}
		return "a router whose name Traefik does not say, and which leads to no api@internal"
	}
	if policy.IsOperators(router, os.Getenv) {
		return ""
	}
	return fmt.Sprintf("router %.200q is not the operator's: wanted one on one entry point, from "+
		"a file, from an IngressRoute in a namespace of %s, or from a provider of %s",
		router, policy.OperatorNamespacesVariable, policy.OperatorProvidersVariable)
}

// addPage returns the handler of the status page in front of a router, or of one that must not show
// it. The caller holds reloads.
func (r *reload) addPage(next http.Handler, refusal string) http.Handler {
	if refusal != "" {
		if len(r.refusedPages) < maxRefused {
			r.refusedPages = append(r.refusedPages, refusal)
		}
		return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
			rw.Header()["Cache-Control"] = noStore
			http.Error(rw, http.StatusText(http.StatusForbidden), http.StatusForbidden)
		})
	}
	if r.page == nil {
		r.page = &statusPage{next: next}
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		isBrief := strings.HasSuffix(req.URL.Path, "/metrics")
		status.Serve(rw, req, func() *status.State { return states.get(!isBrief) })
	})
}

// ask asks Traefik's API, until it has answered, and says what it found out.
func (p *statusPage) ask() *status.Findings {
	p.asking.Lock()
	defer p.asking.Unlock()
	p.mu.Lock()
	found := p.found
	p.mu.Unlock()
	if found != nil && (found.Traefik.Known || time.Since(found.Traefik.Asked) < askAgain) {
		return found
	}
	asked := status.Ask(p.next, namesInUse(), policy.WantsStatus)
	p.mu.Lock()
	p.found = &asked
	p.mu.Unlock()
	sayOpen(&asked)
	return &asked
}

// refusedPages are the routers of which it was said that they must not show the status page.
var refusedPages = &report.News{}

// sayRefusedPages says which routers must not show the status page, each once.
func sayRefusedPages() {
	reloads.Lock()
	var refused []string
	if reloads.current != nil {
		refused = append(refused, reloads.current.refusedPages...)
	}
	reloads.Unlock()
	if news := refusedPages.Of(refused); len(news) > 0 {
		log.PagesRefused(news)
	}
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

// count counts a request that was judged, and notes which certificate it was served with.
func (g *Guard) count(d decision) {
	counters.Judged()
	if d.chain == nil || g.middleware.IsTenants() {
		return
	}
	serving := status.Serving{
		Host: string(d.request.Host), Owner: d.policy.Hosts.Owner(d.request.Host),
		Router: g.router.Name, Verdict: string(d.code), Problem: d.chain.Problem, At: time.Now(),
		Pattern: d.policy.Hosts.PatternOf(d.request.Host),
	}
	if d.binding.Tenant != nil {
		serving.Tenant = d.binding.Tenant.Name
	}
	if len(d.chain.Certificates) > 0 {
		serving.Leaf = d.chain.Certificates[0]
		serving.ExpiresSoon = verdict.ExpiresSoon(serving.Leaf, serving.At)
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
	brief *cachedState
	full  *cachedState
}

type cachedState struct {
	state *status.State
	until time.Time
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
	began := time.Now()
	if latest != nil && began.Before(latest.until) {
		return latest.state
	}
	latest = &cachedState{state: gather(full)}
	now := time.Now()
	latest.until = now.Add(holdsFor(now.Sub(began)))
	if full {
		c.full = latest
	} else {
		c.brief = latest
	}
	return latest.state
}

// holdsFor returns how long a state is shown that took so long to gather: with thousands of routers
// that may be a second, and must not take all of the processor.
func holdsFor(took time.Duration) time.Duration {
	if took*holdsTimes > stateHolds {
		return took * holdsTimes
	}
	return stateHolds
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
