package flood

import (
	"fmt"
	"time"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

// The hosts of a World.
const (
	// Honest is the one host of an honest tenant, and More has any number of others.
	Honest = "honest.example.com"
	More   = "more-#.honest.example.com"
	// Attacker is a host of the attacker, Below one of any number.
	Attacker = "attacker.example.com"
	Below    = "h#.attacker.example.com"
	// Many is a host of the attacker whose certificate has ManyNames names, the last of them
	// foreign, and Long one of the honest tenant, with as many names as the guard looks at, which
	// are all the tenant's.
	Many = "n0.many.example.com"
	Long = "n0.long.example.com"
	// Other is a host of another tenant. The attacker has a router for it.
	Other = "www.t0.example.com"
)

// ManyNames and LongNames are how many names the certificates of Many and Long have.
const (
	ManyNames = 4000
	LongNames = 1000
)

// World is a configuration with an honest tenant, one that attacks, and any number of others
// without routers.
type World struct {
	Honest, Attacker *lab.Backend
	// Routes has no certificate of Many and Long, which Traefik looks through for each new name.
	Routes *lab.Config

	platform *lab.Cert
}

// NewWorld makes the certificates and starts a backend for each.
func NewWorld(t lab.T) *World {
	t.Helper()
	w := &World{
		Honest:   lab.NewBackend(t, "honest"),
		Attacker: lab.NewBackend(t, "attacker"),
		platform: lab.NewCA(t, "platform CA"),
	}
	const honest = "HostRegexp(`(^|\\.)(honest|long)\\.example\\.com$`)"
	w.Routes = lab.NewConfig().
		Route("honest-web", honest, w.Honest, lab.Map{"priority": 100}).
		Route("attacker-all", "PathPrefix(`/`)", w.Attacker, lab.Map{"priority": 1}).
		Serve(
			w.platform.Issue(t, Honest, "*."+Honest),
			w.platform.Issue(t, Attacker, "*."+Attacker),
		)

	return w
}

// WithManyNames returns the routes with the certificates of Many and Long.
func (w *World) WithManyNames(t lab.T) *lab.Config {
	t.Helper()
	return w.Routes.Clone().Serve(
		w.platform.Issue(t, append(names("many", ManyNames-1), "zzz.other.example.com")...),
		w.platform.Issue(t, names("long", LongNames)...),
	)
}

// names returns so many names below one of example.com.
func names(below string, count int) []string {
	all := make([]string, 0, count+1)
	for i := range count {
		all = append(all, fmt.Sprintf("n%d.%s.example.com", i, below))
	}

	return all
}

// Guard returns a policy with so many tenants. ttl is the honest one's: what is observed of it has
// to be renewed then, for which it needs what an attacker may hold.
func (w *World) Guard(tenants int, ttl time.Duration) lab.Map {
	tenant := func(name string, hosts ...string) lab.Map {
		return lab.Map{"name": name, "routers": []string{name + "-*@file"}, "hosts": hosts}
	}
	list := []lab.Map{
		tenant("honest", Honest, "*."+Honest, "**.long.example.com"),
		tenant("attacker", Attacker, "*."+Attacker, "**.many.example.com"),
	}
	list[0]["certificates"] = lab.Map{"ttl": ttl.String()}
	for i := range tenants - len(list) {
		name := fmt.Sprintf("t%d", i)
		list = append(list, tenant(name, name+".example.com", "*."+name+".example.com"))
	}

	return lab.Map{
		"tenants":      list,
		"certificates": lab.Map{"roots": w.platform.CertFile, "ttl": "10m"},
	}
}
