package registry

import (
	"sync"

	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/report"
)

// sourceKey is what the middlewares that share a source have in common. An operator's and a
// tenant's same keys are two sources, for they may not say the same.
type sourceKey struct {
	file, keys string
	refusal    string
	// cluster is its address, and hostRules are those for its Namespaces.
	cluster, hostRules string
}

// source is where a policy is written, and what it says. The Namespaces of a cluster, if it has
// one, are laid over that.
type source struct {
	policy.Source
	open func(path string) ([]byte, error)
	// cluster is nil where no Namespaces are asked for.
	cluster Cluster
	// said is what was said of a policy file, once for all middlewares with this source.
	said report.Said
	// leftOut are the Namespaces that it was said of that they are left out.
	leftOut report.News

	// mu is held while the source is read.
	mu sync.Mutex
	// latest is what the source said last, nil before it was read.
	latest *revision
	// laid is what parsed and snapshot make, for all middlewares with this source.
	parsed   *policy.Parsed
	snapshot *policy.Snapshot
	laid     *policy.Policy
	// digested is the policy whose digest is in digest.
	digested *policy.Policy
	digest   string
}

// revision is what a source said at one time. It does not change.
type revision struct {
	// files are the contents that it was read from, by path.
	files map[string]string
	// parsed is nil where there are errors.
	parsed *policy.Parsed
	errs   []string
}

// read returns what the source says. It is read if it was not yet, or if look is set and a file has
// changed since.
func (s *source) read(look bool) *revision {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.latest == nil || (look && s.isStale()) {
		s.latest = s.parse()
	}
	return s.latest
}

func (s *source) isStale() bool {
	for path, before := range s.latest.files {
		if now, _ := s.content(path); now != before {
			return true
		}
	}
	return false
}

// content returns a file's text, or its error's: both are worth a new look when they change.
func (s *source) content(path string) (string, error) {
	content, err := s.open(path)
	if err != nil {
		return "unreadable: " + err.Error(), err
	}
	return string(content), nil
}

func (s *source) parse() *revision {
	next := &revision{files: map[string]string{}}
	next.parsed, next.errs = s.Parse(func(path string) (string, error) {
		content, err := s.content(path)
		next.files[path] = content
		return content, err
	})
	return next
}

// namespaces returns what the cluster says now, nil for nothing, and why it is not kept up to date.
func (s *source) namespaces() (*policy.Snapshot, string) {
	if s == nil || s.cluster == nil {
		return nil, ""
	}
	return s.cluster.Snapshot()
}

// over returns the policy of a parse of this source and of the Namespaces of its cluster, nil while
// these are not known.
func (s *source) over(parsed *policy.Parsed, snapshot *policy.Snapshot) *policy.Policy {
	if s.cluster == nil {
		return parsed.Policy
	}
	if snapshot == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parsed != parsed || s.snapshot != snapshot {
		s.laid = parsed.Over(snapshot)
		s.parsed = parsed
		s.snapshot = snapshot
	}
	return s.laid
}

// digestOf returns the digest of a policy of the source, which takes long with many tenants.
func (s *source) digestOf(p *policy.Policy) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.digested != p {
		s.digest = p.Digest()
		s.digested = p
	}
	return s.digest
}
