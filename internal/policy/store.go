package policy

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// errNoCluster is what a store says that has no source of clusters.
var errNoCluster = errors.New("no cluster can be asked here")

// keptReloads is how many reloads the last good policy of a middleware outlives the middleware.
const keptReloads = 16

// reading is how long Refresh reads new keys of middlewares.
const reading = time.Second

// Store holds the policies of all middlewares. A policy file is parsed once for all that use it.
type Store struct {
	// Getenv and ReadFile are the operating system's, or a test's.
	Getenv   func(string) string
	ReadFile func(string) ([]byte, error)
	// Log takes what an operator must read.
	Log func(Notice)
	// Changed is called after another policy came into force.
	Changed func()
	// Cluster returns the source of Namespaces for an address of the API, always the same one for the same address.
	Cluster func(Kubernetes) (Cluster, error)
	// reading is the constant, or a test's.
	reading time.Duration

	// mu is held for moments only, never while keys are read or a policy is built: all requests and constructors take it, and
	// what takes long may be a tenant's. No other lock is taken while it is held but a document's own mu.
	mu        sync.Mutex
	documents map[string]*document
	instances map[string]*Instance
}

// Notice is a message about a policy.
type Notice struct {
	Middleware string
	// File is the policy file, "" for inline keys.
	File string
	// Errors are what is wrong with the policy, empty for a warning.
	Errors []string
	// InForce tells whether an earlier policy stays in force.
	InForce bool
	// ByNameOnly are the tenants whose certificates are held to their names alone.
	ByNameOnly []string
	// LeftOut are what is wrong with Namespaces that the policy does without.
	LeftOut []string
	// Outdated is why the Namespaces are not kept up to date, "" if they are.
	Outdated string
}

// NewStore returns a store without policies.
func NewStore(log func(Notice), changed func()) *Store {
	return &Store{
		Cluster:   func(k Kubernetes) (Cluster, error) { return nil, errNoCluster },
		Getenv:    os.Getenv,
		ReadFile:  os.ReadFile,
		reading:   reading,
		Log:       log,
		Changed:   changed,
		documents: map[string]*document{},
		instances: map[string]*Instance{},
	}
}

// Instance returns the middleware of that name, with the keys it has from now on. It is the same for all routers, so that
// they share one policy. The keys are read when the policy is first asked for, or by Refresh: a reload of Traefik's
// configuration need not wait for that.
func (s *Store) Instance(name string, raw map[string]any) *Instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	instance := s.instances[name]
	if instance == nil {
		instance = &Instance{store: s, name: name}
		s.instances[name] = instance
	}
	instance.raw = raw
	instance.given++
	instance.unused = 0
	return instance
}

// Clusters are the clusters that middlewares in use read Namespaces from, also for a policy that stays in force only because
// the present one has errors.
func (s *Store) Clusters() []Cluster {
	s.mu.Lock()
	defer s.mu.Unlock()
	var clusters []Cluster
	for _, instance := range s.instances {
		if instance.unused > 1 {
			continue
		}
		for _, doc := range instance.documents() {
			if doc.cluster != nil {
				clusters = append(clusters, doc.cluster)
			}
		}
	}
	return clusters
}

// Refresh reads the files of all policies again, asks the clusters, and puts what changed into force. Then it reads new keys of
// middlewares for a while. The rest is left for the next time: a tenant may have many Middlewares, which must not keep a change of
// the operator's waiting.
func (s *Store) Refresh() {
	all := s.all()
	s.renew(all)
	end := time.Now().Add(s.reading)
	for _, instance := range all {
		if !time.Now().Before(end) {
			return
		}
		s.survive(instance, func() {
			if instance.unlessBusy(func() bool { return instance.readKeys() }) {
				s.Changed()
			}
		})
	}
}

// survive goes on after a panic, which would end Traefik: what one middleware's keys bring about must not keep the others from
// theirs. Its last good policy stays in force. One that comes with every poll is said once.
func (s *Store) survive(i *Instance, step func()) {
	defer func() {
		problem := recover()
		if problem == nil {
			return
		}
		good, _ := i.standing()
		if text := "reading it failed: " + quote(problem); i.failsAnew(text) {
			s.Log(Notice{Middleware: i.name, InForce: good != nil, Errors: []string{text}})
		}
	}()
	step()
}

// renew has all middlewares take over what their documents hold now, each of which is looked at once.
func (s *Store) renew(all []*Instance) {
	changed := false
	defer func() {
		if changed {
			s.Changed()
		}
	}()
	looked := map[*document]bool{}
	for _, instance := range all {
		s.survive(instance, func() {
			if instance.renew(looked) {
				changed = true
			}
		})
	}
}

func (s *Store) all() []*Instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Instance, 0, len(s.instances))
	for _, instance := range s.instances {
		all = append(all, instance)
	}
	return all
}

// NewReload tells that Traefik begins to build all routers anew: what none of them has used for long is dropped.
func (s *Store) NewReload() {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := map[*document]bool{}
	for name, instance := range s.instances {
		instance.unused++
		if instance.unused > keptReloads {
			delete(s.instances, name)
		} else {
			for _, doc := range instance.documents() {
				used[doc] = true
			}
		}
	}
	for key, doc := range s.documents {
		if !used[doc] {
			delete(s.documents, key)
		}
	}
}

// use gives a middleware the document in a file or in inline keys, before anything is read of it. Who uses the same file
// shares it.
func (s *Store) use(i *Instance, path string, inline map[string]any, operator bool, cluster Cluster) {
	key := fmt.Sprintf("%t %#v", operator, inline)
	if path != "" {
		key = path
	}
	if cluster != nil {
		key += " " + cluster.Address()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.documents[key] == nil {
		s.documents[key] = newDocument(s.ReadFile, path, inline, operator, cluster)
	}
	i.document = s.documents[key]
}
