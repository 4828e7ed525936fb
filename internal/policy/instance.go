package policy

import (
	"fmt"
	"sync"
)

// maxKeys bounds, in bytes, the keys of a Middleware that is not the operator's. In the interpreter it takes seconds to read
// what Kubernetes lets a tenant store, and each of its Middlewares may hold that much.
const maxKeys = 64 << 10

// Effective is what is in force for one middleware.
type Effective struct {
	Settings
	*Policy
	// Cluster is where the policy has the Namespaces from, nil where it has none.
	Cluster Cluster

	snapshot *Snapshot
}

// outdated tells that the cluster has said more than the policy knows.
func (e *Effective) outdated() bool {
	if e.Cluster == nil {
		return false
	}
	snapshot, _ := e.Cluster.Snapshot()
	return snapshot != e.snapshot
}

// forgotten tells that the cluster is not known any more: nobody used it for a while.
func (e *Effective) forgotten() bool {
	if e == nil || e.Cluster == nil {
		return false
	}
	snapshot, _ := e.Cluster.Snapshot()
	return snapshot == nil
}

// Instance is one middleware: its keys, and its last good policy.
type Instance struct {
	store *Store
	name  string

	// building is held while the keys are read and their policy is built. It is the middleware's own: a tenant's Middleware
	// keeps only the routers waiting that the tenant attached it to.
	building    sync.Mutex
	fingerprint string
	request     *request
	said        string
	// kept is the request whose policy is in force.
	kept *request
	// current and held are what document and inForce held when they were last looked at.
	current, held *state

	// The store's mu guards what follows. Who holds building may read document and inForce without it.

	// raw are the keys as the last New had them, given counts how often there were any, and read is which of them were read.
	raw         map[string]any
	given, read int
	// document has the policy that the keys ask for, and inForce the last good one: the same unless there are errors.
	document, inForce *document
	// good is the last good policy, with the settings of goodBy.
	good         *Effective
	goodBy       *request
	exposeReason bool
	// failed is what was said of the last panic.
	failed string
	// unused counts the reloads since one had a router with this middleware.
	unused int
}

// Effective is what is in force, nil where there was no good policy yet.
func (i *Instance) Effective() *Effective {
	good, read := i.standing()
	if !read {
		good = i.update(func() bool { return i.readKeys() })
	}
	if good.forgotten() {
		return i.catchUp()
	}
	return good
}

// Current is what is in force, with the Namespaces as the cluster tells them at the time of the call or later.
func (i *Instance) Current() *Effective {
	good := i.Effective()
	if good != nil && !good.outdated() {
		return good
	}
	return i.catchUp()
}

// catchUp takes over what the cluster says now.
func (i *Instance) catchUp() *Effective {
	return i.update(func() bool {
		i.look(false, map[*document]bool{})
		return i.takeOver()
	})
}

// update has a step change what is in force, by one request at a time.
func (i *Instance) update(step func() bool) *Effective {
	i.building.Lock()
	defer i.building.Unlock()
	if step() {
		i.store.Changed()
	}
	good, _ := i.standing()
	return good
}

// standing is what is in force, and whether that goes by the keys that the middleware has now.
func (i *Instance) standing() (*Effective, bool) {
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	return i.good, i.read == i.given
}

// Awaits is the cluster whose Namespaces the policy still lacks, nil for none.
func (i *Instance) Awaits() Cluster {
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	if i.document == nil || i.document.now().snapshot != nil {
		return nil
	}
	return i.document.cluster
}

// ExposeReason tells whether a denial carries its code, also while the policy has errors.
func (i *Instance) ExposeReason() bool {
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	return i.exposeReason
}

// renew looks at the middleware's documents, and tells whether another policy came into force.
func (i *Instance) renew(looked map[*document]bool) bool {
	return i.unlessBusy(func() bool {
		i.look(true, looked)
		return i.takeOver()
	})
}

// unlessBusy has a step change what is in force, and tells whether it did. While a request has the keys read, which may be a
// tenant's and take long, it does nothing: no other middleware must wait for that.
func (i *Instance) unlessBusy(step func() bool) bool {
	if !i.building.TryLock() {
		return false
	}
	defer i.building.Unlock()
	return step()
}

func (i *Instance) failsAnew(text string) bool {
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	anew := i.failed != text
	i.failed = text
	return anew
}

// look has the documents that were not looked at yet build what is new.
func (i *Instance) look(files bool, looked map[*document]bool) {
	for _, doc := range i.documents() {
		if !looked[doc] {
			looked[doc] = true
			doc.refresh(files)
		}
	}
}

// documents are those in use: the one that the keys ask for, and one that is still in force while that has errors.
func (i *Instance) documents() []*document {
	var all []*document
	if i.document != nil {
		all = append(all, i.document)
	}
	if i.inForce != nil && i.inForce != i.document {
		all = append(all, i.inForce)
	}
	return all
}

// takeOver applies what the documents hold now, if that is new.
func (i *Instance) takeOver() bool {
	if i.document == nil || (i.document.now() == i.current && (i.inForce == nil || i.inForce.now() == i.held)) {
		return false
	}
	return i.apply()
}

// readKeys reads the keys that the middleware has now, and tells whether another policy came into force. Keys at which reading
// panics are not read again.
func (i *Instance) readKeys() bool {
	raw, given, read := i.keys()
	if given == read {
		return false
	}
	defer i.haveRead(given)
	fingerprint := fmt.Sprintf("%#v", raw) // %q has one sign for all large numbers
	if i.fingerprint == fingerprint {
		return false
	}
	i.fingerprint = fingerprint
	i.configure(raw)
	return i.apply()
}

func (i *Instance) keys() (raw map[string]any, given, read int) {
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	return i.raw, i.given, i.read
}

func (i *Instance) haveRead(given int) {
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	i.read = given
}

// configure reads the keys of the middleware and finds the document with its policy.
func (i *Instance) configure(raw map[string]any) {
	operator := OperatorNamed(i.name, i.store.Getenv)
	r, cluster := i.ask(raw, operator)
	if r.file != "" && r.hasInline() { // where there should be none, what is wrong with them is said as well
		beside := newDocument(i.store.ReadFile, "", r.inline, operator, cluster)
		beside.refresh(false)
		r.errs = append(r.errs, beside.now().errs...)
	}
	if r.file != "" {
		i.store.use(i, r.file, nil, operator, cluster)
	} else {
		i.store.use(i, "", r.inline, operator, cluster)
	}
	i.request = r
	i.expose(r.settings.ExposeReason)
	i.document.refresh(false)
}

// ask reads what the keys ask for, and finds the cluster.
func (i *Instance) ask(raw map[string]any, operator bool) (*request, Cluster) {
	if !operator {
		if size := len(fmt.Sprintf("%q", raw)); size > maxKeys {
			d := &decoder{}
			d.fail("size", fmt.Sprintf("%d bytes", size), fmt.Sprintf("wanted at most %d bytes in %s", maxKeys, aTenants))
			return &request{errs: d.errs}, nil
		}
	}
	r := readRequest(raw, operator, i.store.Getenv)
	if !r.settings.Kubernetes.Enabled || !operator {
		return r, nil
	}
	cluster, err := i.store.Cluster(r.settings.Kubernetes)
	if err != nil {
		r.errs = append(r.errs, "kubernetes: "+err.Error())
		return r, nil
	}
	return r, cluster
}

func (i *Instance) expose(reason bool) {
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	i.exposeReason = reason
}

// apply puts the policy that the keys ask for into force if there is nothing wrong with it, and says so if there is: then the
// last good one stays, but with the Namespaces as they are now. It tells whether something changed.
func (i *Instance) apply() bool {
	i.current = i.document.now()
	errs := i.document.errors(i.current)
	if len(i.request.errs)+len(errs) > 0 {
		i.refuse(errs)
	} else if i.current.policy != nil {
		i.keep()
		i.warn()
	}
	if i.inForce == nil {
		return false
	}
	i.held = i.inForce.now()
	i.inForce.tellOfCluster(i)
	return i.putIntoForce()
}

// keep has the policy that the keys ask for stay in force from now on.
func (i *Instance) keep() {
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	i.inForce = i.document
	i.kept = i.request
}

func (i *Instance) putIntoForce() bool {
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	if i.held.policy == nil { // the cluster is not known any more, as when Traefik starts
		forgot := i.good != nil
		i.good = nil
		return forgot
	}
	if i.good != nil && i.good.Policy == i.held.policy && i.goodBy == i.kept {
		return false
	}
	first := i.good == nil // before which nothing was allowed
	i.goodBy = i.kept
	i.good = &Effective{Settings: i.kept.settings, Policy: i.held.policy, Cluster: i.inForce.cluster, snapshot: i.held.snapshot}
	return !first
}

// refuse says what is wrong: with the middleware's keys and its inline policy for itself, with a file once for all the
// middlewares that use it.
func (i *Instance) refuse(document []string) {
	notice := Notice{Errors: i.request.errs, InForce: i.good != nil}
	if i.document.path == "" {
		notice.Errors = append(append([]string{}, i.request.errs...), document...)
	} else if len(document) > 0 {
		i.document.tell(i, Notice{Errors: document, InForce: i.good != nil})
	}
	i.said = i.say(i.document, i.said, notice)
}

// warn says whose certificates are checked by their names only, in the same way.
func (i *Instance) warn() {
	notice := Notice{ByNameOnly: i.current.policy.CheckedByNameOnly()}
	if i.document.path != "" {
		i.document.tell(i, notice)
		notice = Notice{}
	}
	i.said = i.say(i.document, i.said, notice)
}

// say logs a notice about a document unless it is what was said last, and returns what is said now.
func (i *Instance) say(d *document, last string, notice Notice) string {
	said := fmt.Sprintf("%q %q %q", notice.Errors, notice.ByNameOnly, notice.LeftOut)
	if said != last && len(notice.Errors)+len(notice.ByNameOnly)+len(notice.LeftOut) > 0 {
		i.log(d, notice)
	}
	return said
}

func (i *Instance) log(d *document, notice Notice) {
	notice.Middleware = i.name
	notice.File = d.path
	i.store.Log(notice)
}
