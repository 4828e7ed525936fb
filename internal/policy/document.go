package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// document is one policy as it is written: a file, or the inline keys of a middleware.
type document struct {
	// open reads a file. It is a function of the store: with the store itself here the interpreter loses its way among types
	// that have each other.
	open     func(path string) ([]byte, error)
	path     string
	inline   map[string]any
	operator bool
	// cluster is where Namespaces come from, nil for nowhere.
	cluster Cluster

	// building is held while the policy is built, and guards what follows.
	building sync.Mutex
	// seen is what was read last, by path: the policy file and the files of roots it names.
	seen map[string]string
	// said, leftOut and outdated are what was said of the document, for all middlewares that share it. saidOut is what was
	// said for those that have no policy without it.
	said     string
	saidOut  string
	leftOut  string
	outdated bool

	// mu is held for moments only. It guards state, which is what came of it, and changes only while building is held.
	mu    sync.Mutex
	state *state
}

// state is what a document amounts to at one time. It does not change once it is made.
type state struct {
	// errs are what is wrong with what is written now, and base is what was written when that was last nothing.
	errs []string
	base *base
	// snapshot is what the cluster said last, and problem why that is not kept up to date.
	snapshot *Snapshot
	problem  string
	// policy is the base with the snapshot, nil while there is none.
	policy *Policy
}

func newDocument(open func(string) ([]byte, error), path string, inline map[string]any, operator bool, cluster Cluster) *document {
	return &document{open: open, path: path, inline: inline, operator: operator, cluster: cluster, state: &state{}}
}

// now is what the document holds.
func (d *document) now() *state {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

func (d *document) set(next *state) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state = next
}

// errors are what keeps the document from being put into force, also that its Namespaces are not known. That the cluster has
// not been asked yet is no error, only early.
func (d *document) errors(s *state) []string {
	if d.cluster == nil || s.snapshot != nil || s.problem == "" {
		return s.errs
	}
	return append(append([]string{}, s.errs...), "kubernetes: the Namespaces of the cluster are not known: "+s.problem)
}

// refresh reads what is written if that is new, or if files are looked at and one has changed, and builds the policy if that or
// what the cluster says is new. What is written is not read again for a Namespace, and a Namespace is taken over whatever is wrong
// with what is written.
func (d *document) refresh(files bool) {
	d.building.Lock()
	defer d.building.Unlock()
	last := d.now()
	next := &state{errs: last.errs, base: last.base, policy: last.policy}
	unread := d.seen == nil || (files && d.stale())
	if unread {
		d.read(next)
	}
	next.snapshot, next.problem = d.namespaces()
	if !unread && next.snapshot == last.snapshot && next.problem == last.problem {
		return
	}
	if next.base != last.base || next.snapshot != last.snapshot {
		next.policy = d.build(next)
	}
	d.set(next)
}

// namespaces is what the cluster says now, nil for nothing.
func (d *document) namespaces() (*Snapshot, string) {
	if d.cluster == nil {
		return nil, ""
	}
	return d.cluster.Snapshot()
}

func (d *document) build(s *state) *Policy {
	if s.base == nil || (d.cluster != nil && s.snapshot == nil) {
		return nil
	}
	if d.cluster == nil {
		return s.base.policy
	}
	return s.base.over(s.snapshot)
}

// tell says what is wrong with a file.
func (d *document) tell(i *Instance, notice Notice) {
	d.building.Lock()
	defer d.building.Unlock()
	if len(notice.Errors) > 0 && !notice.InForce {
		d.saidOut = i.say(d, d.saidOut, notice)
		return
	}
	d.said = i.say(d, d.said, notice)
	if len(notice.Errors) == 0 {
		d.saidOut = ""
	}
}

// tellOfCluster says which Namespaces are left out, and once that they are no longer kept up to date.
func (d *document) tellOfCluster(i *Instance) {
	d.building.Lock()
	defer d.building.Unlock()
	s := d.now()
	if s.policy == nil {
		return
	}
	d.leftOut = i.say(d, d.leftOut, Notice{LeftOut: s.policy.LeftOut})
	if s.problem != "" && !d.outdated {
		i.log(d, Notice{Outdated: s.problem})
	}
	d.outdated = s.problem != ""
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

// read reads what is written. The last base stays where that has errors.
func (d *document) read(next *state) {
	d.seen = map[string]string{}
	raw := d.inline
	next.errs = nil
	if d.path != "" {
		raw, next.errs = d.readPolicy()
	}
	if len(next.errs) > 0 {
		return
	}
	readRoots := d.readFile
	if d.path == "" && !d.operator {
		readRoots = nil
	}
	made, errs := parse(raw, readRoots, d.cluster != nil)
	next.errs = errs
	if len(errs) == 0 {
		next.base = made
	}
}

// readFile reads a file and remembers what it held.
func (d *document) readFile(path string) (string, error) {
	content, err := d.content(path)
	d.seen[path] = content
	return content, err
}

// content is a file's text, or its error's: both are worth a new look when they change.
func (d *document) content(path string) (string, error) {
	content, err := d.open(path)
	if err != nil {
		return "unreadable: " + err.Error(), err
	}
	return string(content), nil
}

func (d *document) readPolicy() (map[string]any, []string) {
	content, err := d.readFile(d.path)
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
