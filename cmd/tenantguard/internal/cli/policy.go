package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/source"
	"github.com/tenantguard/tenantguard/internal/files"
	"github.com/tenantguard/tenantguard/internal/policy"
)

// policyFlags are those of every command that reads a policy: what its file does not say.
type policyFlags struct {
	middleware string
	plugin     string
	provider   string
	files      []string
	namespaces string

	defaultFile        string
	operatorNamespaces string
	operatorProviders  string
}

// addTo adds the flags to a command.
func (f *policyFlags) addTo(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.middleware, "middleware", "", "take the middleware of this `name` of "+
		"several, or take this for the name, with @provider, where the file does not say it")
	flags.StringVar(&f.plugin, "plugin", "tenantguard",
		"`name` of the plugin in Traefik's static configuration")
	flags.StringVar(&f.provider, "provider", "",
		"`provider` of labels (docker if empty) and of key-value pairs (consul if empty)")
	addFileFlag(command, &f.files)
	flags.StringVar(&f.namespaces, "namespaces", "", "`file` with the Namespaces of the cluster, "+
		"as kubectl get namespaces --output yaml writes it; - is the standard input")
	flags.StringVar(&f.defaultFile, "policy-file", os.Getenv(policy.PolicyFileVariable),
		"Traefik's "+policy.PolicyFileVariable)
	flags.StringVar(&f.operatorNamespaces, "operator-namespaces",
		os.Getenv(policy.OperatorNamespacesVariable),
		"Traefik's "+policy.OperatorNamespacesVariable)
	flags.StringVar(&f.operatorProviders, "operator-providers",
		os.Getenv(policy.OperatorProvidersVariable), "Traefik's "+policy.OperatorProvidersVariable)
}

// load reads the policies in files, and has the plugin's code load them.
func (r *root) load(f *policyFlags, names []string) ([]*source.Loaded, error) {
	env, err := r.environment(f)
	if err != nil {
		return nil, err
	}
	var all []*source.Policy
	for _, name := range names {
		content, err := r.readInput(name)
		if err != nil {
			return nil, err
		}
		found, err := source.Read(shownName(name), content, source.Options{
			Plugin: f.plugin, Provider: f.provider,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	all, err = named(all, f.middleware)
	if err != nil {
		return nil, err
	}
	loaded := make([]*source.Loaded, 0, len(all))
	for _, p := range all {
		loaded = append(loaded, p.Load(env))
	}

	return loaded, nil
}

// loadOne is load for commands that look at one policy.
func (r *root) loadOne(f *policyFlags, name string) (*source.Loaded, error) {
	all, err := r.load(f, []string{name})
	if err != nil {
		return nil, err
	}
	if len(all) > 1 {
		return nil, fmt.Errorf("%s has the middlewares %s: choose one with --middleware", name,
			strings.Join(middlewaresOf(all), ", "))
	}

	return all[0], nil
}

func middlewaresOf(all []*source.Loaded) []string {
	var names []string
	for _, l := range all {
		names = append(names, l.Middleware)
	}

	return names
}

// environment returns what a policy finds around it.
func (r *root) environment(f *policyFlags) (source.Environment, error) {
	local, err := localFiles(f.files)
	env := source.Environment{Files: local, Getenv: func(name string) string {
		return map[string]string{
			policy.PolicyFileVariable:         f.defaultFile,
			policy.OperatorNamespacesVariable: f.operatorNamespaces,
			policy.OperatorProvidersVariable:  f.operatorProviders,
		}[name]
	}}
	if err != nil || f.namespaces == "" {
		return env, err
	}
	content, err := r.readInput(f.namespaces)
	if err != nil {
		return env, err
	}
	env.Namespaces, err = source.ReadNamespaces(shownName(f.namespaces), content)

	return env, err
}

// addFileFlag adds the flag that says where a file is that the policy names.
func addFileFlag(command *cobra.Command, files *[]string) {
	command.Flags().StringArrayVar(files, "file", nil, "read a file that the policy names from "+
		"elsewhere, as `PATH=FILE`; can be given several times")
}

// localFiles returns what --file says: where the files are that Traefik has elsewhere.
func localFiles(flags []string) (map[string]string, error) {
	local := map[string]string{}
	for _, text := range flags {
		path, here, found := strings.Cut(text, "=")
		if !found || path == "" || here == "" {
			return nil, fmt.Errorf("--file %q: wanted PATH=FILE", text)
		}
		if _, err := os.Stat(here); err != nil {
			return nil, fmt.Errorf("--file %q: %w", text, err)
		}
		local[path] = here
	}

	return local, nil
}

// named returns the policy of a middleware.
func named(all []*source.Policy, middleware string) ([]*source.Policy, error) {
	if middleware == "" {
		return all, nil
	}
	var names []string
	for _, p := range all {
		name := p.Middleware[:strings.LastIndex(p.Middleware, "@")]
		if p.Middleware == middleware || name == middleware {
			return []*source.Policy{p}, nil
		}
		names = append(names, p.Middleware)
	}
	if len(all) == 1 && strings.Contains(middleware, "@") {
		all[0].Middleware = middleware

		return all, nil
	}

	return nil, fmt.Errorf("--middleware %q: there are %s", middleware, strings.Join(names, ", "))
}

// shownName is what is said of a file.
func shownName(name string) string {
	if name == "-" {
		return source.StandardInput
	}

	return name
}

// readInput reads a file, or the standard input.
func (r *root) readInput(name string) ([]byte, error) {
	if name == "-" {
		content, err := io.ReadAll(io.LimitReader(r.in, files.Most+1))
		if err == nil && len(content) > files.Most {
			err = errors.New("the standard input is too long")
		}

		return content, err
	}

	return files.Read(name)
}
