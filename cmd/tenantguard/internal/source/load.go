package source

import (
	"context"
	"time"

	"github.com/tenantguard/tenantguard/internal/files"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/registry"
	"github.com/tenantguard/tenantguard/internal/report"
)

// Environment is what a policy finds around it.
type Environment struct {
	// Getenv reads Traefik's environment.
	Getenv func(name string) string
	// Files are read in place of others: the paths that Traefik has, and those that we have.
	Files map[string]string
	// Namespaces are those of the cluster, nil for none that is known.
	Namespaces []Namespace
}

// Loaded is what the plugin makes of a policy.
type Loaded struct {
	*Policy
	// Effective is what is in force, nil where the plugin refuses the policy.
	Effective *policy.Effective
	// Errors are why, in the plugin's words.
	Errors []string
	// Written are the files that were read, by the path that the policy has for each.
	Written map[string][]byte
	// HasNamespaces reports whether the Namespaces of the cluster are known.
	HasNamespaces bool
	// Parsed are the keys of the middleware, and PolicyFile is the policy file, "" where the policy
	// is inline.
	Parsed     *policy.Keys
	PolicyFile string

	// local are the files that were read elsewhere than the policy says, by its paths.
	local map[string]string
}

// Load has the plugin's own registry read the policy, with the files and the environment that it
// would have in Traefik.
func (p *Policy) Load(env Environment) *Loaded {
	l := &Loaded{
		Policy: p, Written: map[string][]byte{}, HasNamespaces: env.Namespaces != nil,
		local: map[string]string{},
	}
	seen := map[string]bool{}
	all := registry.New(registry.Environment{
		Getenv:   env.getenv,
		ReadFile: func(path string) ([]byte, error) { return l.readFile(path, env.Files) },
		Cluster: func(k policy.Kubernetes) (registry.Cluster, error) {
			return &listed{snapshot: snapshotOf(env.Namespaces, k.TenantLabel)}, nil
		},
		Say: func(n report.Notice) {
			for _, text := range n.Errors {
				if !seen[text] {
					seen[text] = true
					l.Errors = append(l.Errors, text)
				}
			}
		},
		Changed: func(string) {},
	})
	refusal := policy.Refusal(p.Middleware, env.getenv)
	l.Parsed = policy.ParseKeys(p.Keys, refusal, env.getenv(policy.PolicyFileVariable))
	l.PolicyFile = l.Parsed.File
	if l.Parsed.Status && len(l.Parsed.Errors) == 0 {
		return l // which guards nothing
	}
	l.Effective = all.Middleware(p.Middleware, p.Keys).Policy()

	return l
}

func (env Environment) getenv(name string) string {
	if env.Getenv == nil {
		return ""
	}

	return env.Getenv(name)
}

// readFile reads a file for the plugin: the policy's own as it is converted, others from where they
// are here.
func (l *Loaded) readFile(path string, local map[string]string) ([]byte, error) {
	if l.Content != "" && path == l.PolicyFile {
		return []byte(l.Content), nil
	}
	here := path
	if local[path] != "" {
		here = local[path]
		l.local[path] = here
	}
	content, err := files.Read(here)
	if err != nil {
		return nil, err
	}
	l.Written[path] = content

	return content, nil
}

// listed is a cluster whose Namespaces were listed before.
type listed struct {
	snapshot *policy.Snapshot
}

// Address returns where the cluster is.
func (l *listed) Address() string { return "the list" }

// Snapshot returns the Namespaces.
func (l *listed) Snapshot() (*policy.Snapshot, string) { return l.snapshot, "" }

// ListedSince returns nil.
func (l *listed) ListedSince(context.Context, time.Time) error { return nil }
