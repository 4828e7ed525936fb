package source

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"
)

// hosts returns the host patterns of each tenant.
func (l *Loaded) hosts() map[string][]string {
	all := map[string][]string{}
	l.Effective.Hosts.Each(func(pattern hosts.Pattern, owner string) {
		all[owner] = append(all[owner], pattern.String())
	})

	return eachSorted(all)
}

// namespaces returns the namespaces of each tenant as a policy lists them.
func (l *Loaded) namespaces() map[string][]string {
	all := map[string][]string{}
	l.Effective.EachNamespace(func(namespace string, prefix bool, owner *policy.Tenant) {
		if prefix {
			namespace += "*"
		}
		all[owner.Name] = append(all[owner.Name], namespace)
	})

	return eachSorted(all)
}

func eachSorted(all map[string][]string) map[string][]string {
	for _, list := range all {
		slices.Sort(list)
	}

	return all
}

// added returns what is written and behind it what is in force beside that.
func added(written, inForce []string) []string {
	all := slices.Clone(written)
	for _, one := range inForce {
		if !slices.ContainsFunc(all, func(text string) bool { return isSame(text, one) }) {
			all = append(all, one)
		}
	}

	return all
}

// isSame reports whether two texts are one host pattern or one namespace.
func isSame(written, inForce string) bool {
	if written == inForce {
		return true
	}
	pattern, err := hosts.ParsePattern(written)

	return err == nil && pattern.String() == inForce
}

// here returns where a file is that the policy names.
func (l *Loaded) here(path string) string {
	if l.local[path] != "" {
		return l.local[path]
	}

	return path
}

// PlaceOfLine returns where a line of the policy file is: in what the policy itself was read from,
// or in the file that it names.
func (l *Loaded) PlaceOfLine(line int) string {
	switch {
	case l.Content == "":
		return fmt.Sprintf("%s:%d", l.here(l.PolicyFile), line)
	case l.noLines:
		return l.File
	default:
		return fmt.Sprintf("%s:%d", l.File, l.after+line)
	}
}

// Place returns where a key is written. It may be in the policy file that a middleware names.
func (l *Loaded) Place(path, value string) string {
	first := pathPart.FindString(path)
	content, found := l.Written[l.PolicyFile]
	if l.Content != "" || !found || !slices.Contains(policyKeys, first) {
		return l.Policy.Place(path, value)
	}
	file := &Policy{File: l.here(l.PolicyFile)}
	var document yaml.Node
	if yaml.Unmarshal(content, &document) == nil && len(document.Content) > 0 {
		file.lines = locatorOf(document.Content[0])
	}

	return file.Place(path, value)
}
