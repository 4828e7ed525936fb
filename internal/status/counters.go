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
	// maxLatest bounds the denials that are kept with all that is said of them.
	maxLatest = 50
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
	// latest has the denials that came lately, by what identical ones have in common, and before
	// those that came before there were maxLatest of these: so none has to be looked for that may
	// go.
	latest, before map[string]*kept
	hosts          hosts
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
		latest:   map[string]*kept{},
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

// Denied counts a denied request. What is kept of identical ones is the first one's, as in the log.
func (c *Counters) Denied(p *report.Prepared, req *http.Request, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.latest[p.Key()]
	if k == nil {
		k = c.keep(p, req, now)
	}
	k.Last = now
	k.Count++
	k.series.count(now)
}

// keep has a denial be among the latest. The caller holds mu.
func (c *Counters) keep(p *report.Prepared, req *http.Request, now time.Time) *kept {
	key := p.Key()
	k := c.before[key]
	if k == nil {
		k = &kept{}
		k.Denial = p.Of(req)
		k.First = now
		k.series = c.seriesOf(k.Denial)
	}
	if len(c.latest) >= maxLatest {
		c.before = c.latest
		c.latest = map[string]*kept{}
	}
	c.latest[key] = k
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
		s = &series{parts: make([]int, bars)}
		c.series[key] = s
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

// Fill puts what was counted into a state.
func (c *Counters) Fill(state *State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	state.Judged = c.judged
	state.Observed = []Observed{}
	for result, count := range c.observed {
		state.Observed = append(state.Observed, Observed{Result: result, Count: count})
	}
	sort.Slice(state.Observed, func(i, j int) bool {
		return state.Observed[i].Result < state.Observed[j].Result
	})
	state.Denials = Denials{Counts: []Count{}, Bars: []Bar{}, Latest: []Latest{}}
	byBar := map[Bar]int{}
	for key, s := range c.series {
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
	for key, k := range c.before {
		if c.latest[key] == nil {
			state.Denials.add(k)
		}
	}
	for _, k := range c.latest {
		state.Denials.add(k)
	}
	state.Hosts = c.hosts.all(state.Now)
	state.Denials.sort()
	if len(state.Denials.Latest) > maxLatest {
		state.Denials.Latest = state.Denials.Latest[:maxLatest]
	}
}

func (d *Denials) add(k *kept) {
	latest := k.Latest
	latest.Words = Words(latest.Denial)
	d.Latest = append(d.Latest, latest)
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
