package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
)

// errNoCluster is what a store says that has no source of clusters.
var errNoCluster = errors.New("no cluster can be asked here")

// keptReloads is how many reloads the last good policy of a middleware outlives the middleware.
const keptReloads = 16

// Effective is what is in force for one middleware.
type Effective struct {
	Settings
	*Policy
	// Cluster is where the policy has the Namespaces from, nil where it has none.
	Cluster Cluster
}

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
}

// Instance is one middleware: its keys, and its last good policy.
type Instance struct {
	store *Store
	name  string
	// pending are the keys that are still to be read, nil for none.
	pending     map[string]any
	fingerprint string
	request     request
	document    *document
	said        string
	good        *Effective
	// unused counts the reloads since one had a router with this middleware.
	unused int
}

// NewStore returns a store without policies.
func NewStore(log func(Notice), changed func()) *Store {
	return &Store{
		Cluster:   func(k Kubernetes) (Cluster, error) { return nil, errNoCluster },
		Getenv:    os.Getenv,
		ReadFile:  os.ReadFile,
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
	instance.pending = raw
	if raw == nil {
		instance.pending = map[string]any{}
	}
	instance.unused = 0
	return instance
}

// Effective is what is in force, nil where there was no good policy yet.
func (i *Instance) Effective() *Effective {
	i.store.mu.Lock()
	changed := i.catchUp()
	good := i.good
	i.store.mu.Unlock()
	if changed {
		i.store.Changed()
	}
	return good
}

// Awaits is the cluster whose Namespaces the policy still lacks, nil for none.
func (i *Instance) Awaits() Cluster {
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	if i.document == nil || i.document.snapshot != nil {
		return nil
	}
	return i.document.cluster
}

// Behind tells that the cluster has said more than the policy knows: whoever listed the Namespaces, Refresh comes later.
func (i *Instance) Behind() bool {
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	if i.document == nil || i.document.cluster == nil {
		return false
	}
	snapshot, _ := i.document.cluster.Snapshot()
	return snapshot != i.document.snapshot
}

// Clusters are the clusters that middlewares in use read Namespaces from.
func (s *Store) Clusters() []Cluster {
	s.mu.Lock()
	defer s.mu.Unlock()
	var clusters []Cluster
	for _, instance := range s.instances {
		if instance.unused <= 1 && instance.document != nil && instance.document.cluster != nil {
			clusters = append(clusters, instance.document.cluster)
		}
	}
	return clusters
}

// ExposeReason tells whether a denial carries its code, also while the policy has errors.
func (i *Instance) ExposeReason() bool {
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	return i.request.settings.ExposeReason
}

// Refresh reads the files of all policies again and puts what changed into force.
func (s *Store) Refresh() {
	s.mu.Lock()
	stale := map[*document]bool{}
	for _, doc := range s.documents {
		stale[doc] = doc.refresh()
	}
	changed := false
	for _, instance := range s.instances {
		if instance.catchUp() || (stale[instance.document] && instance.apply()) {
			changed = true
		}
	}
	s.mu.Unlock()
	if changed {
		s.Changed()
	}
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
			used[instance.document] = true
		}
	}
	for key, doc := range s.documents {
		if !used[doc] {
			delete(s.documents, key)
		}
	}
}

// catchUp reads the keys that the middleware has now, and tells whether another policy came into force.
func (i *Instance) catchUp() bool {
	if i.pending == nil {
		return false
	}
	raw := i.pending
	i.pending = nil
	fingerprint := fmt.Sprintf("%q", raw)
	if i.fingerprint == fingerprint {
		return false
	}
	i.fingerprint = fingerprint
	i.configure(raw)
	return i.apply()
}

// configure reads the keys of the middleware and finds the document with its policy.
func (i *Instance) configure(raw map[string]any) {
	operator := OperatorNamed(i.name, i.store.Getenv)
	i.request = readRequest(raw, operator, i.store.Getenv)
	k := i.request.settings.Kubernetes
	var cluster Cluster
	if k.Enabled && operator {
		found, err := i.store.Cluster(k)
		if err != nil {
			i.request.errs = append(i.request.errs, "kubernetes: "+err.Error())
		} else {
			cluster = found
		}
	}
	if i.request.file == "" || i.request.hasInline() {
		i.document = i.store.document("", i.request.inline, operator, cluster)
	}
	if i.request.file == "" {
		return
	}
	if i.request.hasInline() { // where there should be none, what is wrong with them is said as well
		i.request.errs = append(i.request.errs, i.document.errs...)
	}
	i.document = i.store.document(i.request.file, nil, operator, cluster)
}

// document returns the document in a file or in inline keys. Who uses the same file shares it.
func (s *Store) document(path string, inline map[string]any, operator bool, cluster Cluster) *document {
	key := fmt.Sprintf("%t %q %q", operator, path, inline)
	if path != "" {
		key = path
	}
	if cluster != nil {
		key += " " + cluster.Address()
	}
	doc := s.documents[key]
	if doc == nil {
		doc = &document{store: s, path: path, inline: inline, operator: operator, cluster: cluster}
		s.documents[key] = doc
		doc.refresh()
	}
	return doc
}

// apply puts the policy into force if there is nothing wrong with it, and says so if there is. It tells whether
// something changed.
func (i *Instance) apply() bool {
	errs := i.request.errs
	document := i.document.errs
	if len(errs) == 0 && i.document.waits() {
		return false
	}
	if len(errs)+len(document) > 0 {
		i.said = i.say(i.said, Notice{Errors: i.own(errs, document), InForce: i.good != nil})
		i.document.said = i.say(i.document.said, Notice{Errors: i.shared(document), InForce: i.good != nil})
		return false
	}
	i.good = &Effective{Settings: i.request.settings, Policy: i.document.policy, Cluster: i.document.cluster}
	leftOut := i.document.policy.LeftOut
	i.document.leftOut = i.say(i.document.leftOut, Notice{LeftOut: leftOut})
	byName := i.document.policy.CheckedByNameOnly()
	i.said = i.say(i.said, Notice{ByNameOnly: i.own(nil, byName)})
	i.document.said = i.say(i.document.said, Notice{ByNameOnly: i.shared(byName)})
	return true
}

// own is what the middleware says for itself: of its own keys, and of its document unless that is a file.
func (i *Instance) own(keys, document []string) []string {
	if i.document.path != "" {
		return keys
	}
	return append(append([]string{}, keys...), document...)
}

// shared is what is said once of a file, for all the middlewares that use it.
func (i *Instance) shared(document []string) []string {
	if i.document.path == "" {
		return nil
	}
	return document
}

// say logs a notice unless it is what was said last, and returns what is said now.
func (i *Instance) say(last string, notice Notice) string {
	said := fmt.Sprintf("%q %q %q", notice.Errors, notice.ByNameOnly, notice.LeftOut)
	if said != last && len(notice.Errors)+len(notice.ByNameOnly)+len(notice.LeftOut) > 0 {
		notice.Middleware = i.name
		notice.File = i.document.path
		i.store.Log(notice)
	}
	return said
}

// document is one policy as it is written: a file, or the inline keys of a middleware.
type document struct {
	store    *Store
	path     string
	inline   map[string]any
	operator bool
	// seen is what was read last, by path: the policy file and the files of roots it names.
	seen   map[string]string
	policy *Policy
	errs   []string
	said   string
	// cluster is where Namespaces come from, nil for nowhere, and snapshot what it said last.
	cluster  Cluster
	snapshot *Snapshot
	problem  string
	leftOut  string
}

// refresh builds the policy if it is new or one of its files has changed, and tells whether it did.
func (d *document) refresh() bool {
	snapshot, problem := d.namespaces()
	waiting := snapshot == nil && problem != d.problem
	if d.seen != nil && snapshot == d.snapshot && !waiting && !d.stale() {
		return false
	}
	d.snapshot = snapshot
	d.problem = problem
	d.seen = map[string]string{}
	raw, errs := d.inline, []string(nil)
	if d.path != "" {
		raw, errs = d.readPolicy()
	}
	if len(errs) == 0 {
		readRoots := d.read
		if d.path == "" && !d.operator {
			readRoots = nil
		}
		d.policy, errs = build(raw, readRoots, snapshot, d.cluster != nil)
	}
	if d.cluster != nil && snapshot == nil {
		errs = append(errs, "kubernetes: the Namespaces of the cluster are not known: "+problem)
	}
	d.errs = errs
	return true
}

// namespaces is what the cluster says now, nil for nothing.
func (d *document) namespaces() (*Snapshot, string) {
	if d.cluster == nil {
		return nil, ""
	}
	return d.cluster.Snapshot()
}

// waits tells that the policy is good but for a cluster that has not been asked yet: no error, only early.
func (d *document) waits() bool {
	return d.cluster != nil && d.snapshot == nil && d.problem == "" && len(d.errs) == 1
}

func (d *document) stale() bool {
	for path, content := range d.seen {
		now, _ := d.content(path)
		if now != content {
			return true
		}
	}
	return false
}

// read reads a file and remembers what it held.
func (d *document) read(path string) (string, error) {
	content, err := d.content(path)
	d.seen[path] = content
	return content, err
}

// content is a file's text, or its error's: both are worth a new look when they change.
func (d *document) content(path string) (string, error) {
	content, err := d.store.ReadFile(path)
	if err != nil {
		return "unreadable: " + err.Error(), err
	}
	return string(content), nil
}

func (d *document) readPolicy() (map[string]any, []string) {
	content, err := d.read(d.path)
	if err != nil {
		return nil, []string{fmt.Sprintf("policyFile: %q: wanted a readable file: %s", d.path, err)}
	}
	var value any
	reader := json.NewDecoder(strings.NewReader(content))
	if err := reader.Decode(&value); err != nil {
		return nil, []string{fmt.Sprintf("policyFile: %q: wanted JSON: %s", d.path, err)}
	}
	if reader.More() {
		return nil, []string{fmt.Sprintf("policyFile: %q: wanted one JSON value and nothing after it", d.path)}
	}
	keys := &decoder{}
	raw := keys.section("", value, policyKeys...)
	if raw != nil && raw["tenants"] == nil && d.cluster == nil {
		keys.fail("tenants", "", "wanted at least one tenant")
	}
	return raw, keys.errs
}
