package status

import (
	"net/http"
	"sort"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/internal/report"
)

const (
	// maxSeries bounds the tenants, reasons and modes that are counted apart, and many stands for
	// the tenants beyond.
	maxSeries = 5000
	many      = "(many)"
	// ownPolicy stands for all tenants of policies that tenants wrote.
	ownPolicy = "(own policy)"
	// maxLatest bounds the denials that are shown with all that is said of them.
	maxLatest = 50
	// maxOfTenant bounds those that are kept of one tenant to twice as many, and maxRecent the
	// tenants of which some are kept likewise.
	maxOfTenant = 15
	maxRecent   = 50
	// bars is how many parts the last hour has, of barLength each.
	bars      = 12
	barLength = 5 * time.Minute
)

// Counters count what guards do beside letting pass what was allowed a moment ago.
type Counters struct {
	mu       sync.Mutex
	judged   int
	observed map[string]int
	series   map[seriesKey]*series
	// all has the series in a list that only grows: it is read without a lock.
	all []*series
	// recent has the latest denials of tenants that were denied lately, and earlier those of
	// tenants before there were maxRecent of these: so none has to be looked for that may go, and a
	// flood of one tenant's hides nobody else's.
	recent, earlier map[string]*recent
	hosts           hosts
}

// recent are a tenant's denials that came lately, by what identical ones have in common, and those
// before there were maxOfTenant of these.
type recent struct {
	latest, before map[string]*kept
}

// kept is a denial that came lately, and what it counts for.
type kept struct {
	Latest
	series *series
}

type seriesKey struct {
	tenant, reason, mode string
}

// series counts the denials of one key, and those of the last hour in parts.
type series struct {
	key   seriesKey
	total int
	// parts has the count of each part of the hour by its number, counted from the epoch, modulo
	// their number, and part is the latest number in it.
	parts []int
	part  int64
}

// NewCounters returns counters at zero.
func NewCounters() *Counters {
	return &Counters{
		observed: map[string]int{},
		series:   map[seriesKey]*series{},
		recent:   map[string]*recent{},
	}
}

// Judged counts a request that was judged in full.
func (c *Counters) Judged() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.judged++
}

// Observed counts a handshake.
func (c *Counters) Observed(result string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observed[result]++
}

// Denied counts a denied request. byTenant reports whether the policy was written by a tenant, who
// can call tenants in it by any name: such denials are counted together. What is kept of identical
// ones is the first one's, as in the log.
func (c *Counters) Denied(p *report.Prepared, byTenant bool, req *http.Request, now time.Time) {
	tenant := p.Tenant
	if byTenant {
		tenant = ownPolicy
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.recent[tenant]
	if r == nil {
		r = c.recentOf(tenant)
	}
	k := r.latest[p.Key]
	if k == nil {
		k = c.keep(tenant, r, p, req, now)
	}
	k.Last = now
	k.Count++
	k.series.count(now)
}

// recentOf has a tenant be among those that were denied lately. The caller holds mu.
func (c *Counters) recentOf(tenant string) *recent {
	r := c.earlier[tenant]
	if r == nil {
		r = &recent{latest: map[string]*kept{}}
	}
	if len(c.recent) >= maxRecent {
		c.earlier = c.recent
		c.recent = map[string]*recent{}
	}
	c.recent[tenant] = r
	return r
}

// keep has a denial be among the latest of a tenant, in whose series it counts. The caller holds
// mu.
func (c *Counters) keep(
	tenant string, r *recent, p *report.Prepared, req *http.Request, now time.Time,
) *kept {
	key := p.Key
	k := r.before[key]
	if k == nil {
		k = &kept{}
		k.Denial = p.Of(req)
		k.First = now
	}
	if len(r.latest) >= maxOfTenant {
		r.before = r.latest
		r.latest = map[string]*kept{}
	}
	r.latest[key] = k
	k.Denial.Tenant = tenant
	k.series = c.seriesOf(k.Denial)
	return k
}

// seriesOf returns the series of a denial. The caller holds mu.
func (c *Counters) seriesOf(d report.Denial) *series {
	key := seriesKey{tenant: d.Tenant, reason: d.Reason, mode: d.Mode}
	s := c.series[key]
	if s == nil && len(c.series) >= maxSeries {
		key.tenant = many
		s = c.series[key]
	}
	if s == nil {
		s = &series{key: key, parts: make([]int, bars)}
		c.series[key] = s
		c.all = append(c.all, s)
	}
	return s
}

// count counts one denial.
func (s *series) count(now time.Time) {
	s.advance(now)
	s.total++
	s.parts[int(s.part%bars)]++
}

// advance forgets what is older than an hour.
func (s *series) advance(now time.Time) {
	part := now.Unix() / int64(barLength/time.Second)
	for passed := part - s.part; passed > 0; passed-- {
		if passed > bars {
			passed = bars
		}
		s.parts[int((part-passed+1)%bars)] = 0
	}
	if part > s.part {
		s.part = part
	}
}

// copiedAtOnce is how many series are copied while requests wait.
const copiedAtOnce = 100

// copyInto puts what was counted into a state as it is, and returns a copy of the series. It holds
// mu for a part at a time, for denied requests wait for it.
func (c *Counters) copyInto(state *State) []series {
	c.mu.Lock()
	state.Judged = c.judged
	for result, count := range c.observed {
		state.Observed = append(state.Observed, Observed{Result: result, Count: count})
	}
	var tenants []*recent
	for tenant, r := range c.earlier {
		if c.recent[tenant] == nil {
			tenants = append(tenants, r)
		}
	}
	for _, r := range c.recent {
		tenants = append(tenants, r)
	}
	all := c.all
	c.mu.Unlock()
	for _, r := range tenants {
		c.copyLatest(state, r)
	}
	state.Hosts = c.allHosts(state.Now)
	copies := make([]series, 0, len(all))
	for len(all) > 0 {
		part := all
		if len(part) > copiedAtOnce {
			part = part[:copiedAtOnce]
		}
		copies = c.appendSeries(copies, part)
		all = all[len(part):]
	}
	return copies
}

func (c *Counters) copyLatest(state *State, of *recent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	state.Denials.add(of)
}

func (c *Counters) appendSeries(copies []series, part []*series) []series {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range part {
		one := *s
		one.parts = append([]int{}, s.parts...)
		copies = append(copies, one)
	}
	return copies
}

// Fill puts what was counted into a state.
func (c *Counters) Fill(state *State) {
	state.Observed = []Observed{}
	state.Denials = Denials{Counts: []Count{}, Bars: []Bar{}, Latest: []Latest{}}
	all := c.copyInto(state)
	sortHosts(state.Hosts)
	sort.Slice(state.Observed, func(i, j int) bool {
		return state.Observed[i].Result < state.Observed[j].Result
	})
	byBar := map[Bar]int{}
	for i := range all {
		s := &all[i]
		key := s.key
		s.advance(state.Now)
		one := Count{Tenant: key.tenant, Reason: key.reason, Mode: key.mode, Total: s.total}
		for ago := 0; ago < bars; ago++ {
			count := s.parts[int((s.part-int64(ago))%bars)]
			one.Hour += count
			if count > 0 {
				byBar[Bar{Ago: ago, Reason: key.reason, Mode: key.mode}] += count
			}
		}
		state.Denials.Counts = append(state.Denials.Counts, one)
	}
	for bar, count := range byBar {
		bar.Count = count
		state.Denials.Bars = append(state.Denials.Bars, bar)
	}
	state.Denials.sort()
	state.Denials.choose()
	for i := range state.Denials.Latest {
		l := &state.Denials.Latest[i]
		l.Words = Words(l.Denial)
	}
}

// add adds the latest denials of a tenant.
func (d *Denials) add(r *recent) {
	for key, k := range r.before {
		if r.latest[key] == nil {
			d.Latest = append(d.Latest, k.Latest)
		}
	}
	for _, k := range r.latest {
		d.Latest = append(d.Latest, k.Latest)
	}
}

// choose leaves maxLatest of the denials, the latest of each tenant's before more of one's.
func (d *Denials) choose() {
	if len(d.Latest) <= maxLatest {
		return
	}
	counts := map[string]int{}
	var first, rest []Latest
	for _, l := range d.Latest {
		counts[l.Denial.Tenant]++
		if counts[l.Denial.Tenant] <= maxOfTenant {
			first = append(first, l)
		} else {
			rest = append(rest, l)
		}
	}
	d.Latest = append(first, rest...)[:maxLatest]
	d.sort()
}

func (d *Denials) sort() {
	sort.Slice(d.Counts, func(i, j int) bool {
		a, b := d.Counts[i], d.Counts[j]
		if a.Tenant != b.Tenant {
			return a.Tenant < b.Tenant
		}
		if a.Reason != b.Reason {
			return a.Reason < b.Reason
		}
		return a.Mode < b.Mode
	})
	sort.Slice(d.Bars, func(i, j int) bool {
		a, b := d.Bars[i], d.Bars[j]
		if a.Ago != b.Ago {
			return a.Ago > b.Ago
		}
		if a.Reason != b.Reason {
			return a.Reason < b.Reason
		}
		return a.Mode < b.Mode
	})
	sort.Slice(d.Latest, func(i, j int) bool {
		a, b := d.Latest[i], d.Latest[j]
		if !a.Last.Equal(b.Last) {
			return a.Last.After(b.Last)
		}
		return a.Denial.Host < b.Denial.Host
	})
}
