// Package source reads what operators have: policies in any of Traefik's forms.
package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// The forms that a policy may have.
const (
	FormFile       = "policy file"
	FormKeys       = "keys of a middleware"
	FormMiddleware = "Middleware"
	FormDynamic    = "dynamic configuration"
	FormLabels     = "labels"
	FormKeyValue   = "key-value pairs"
)

// StandardInput is said in place of a file's name.
const StandardInput = "standard input"

// Policy is the configuration of one middleware, or a policy file.
type Policy struct {
	// Form is one of the constants, and File is where it was read from.
	Form string
	File string
	// Middleware is the qualified name that Traefik has for the middleware.
	Middleware string
	// Keys are what Traefik hands over to the plugin.
	Keys map[string]any
	// Content is the policy file as the plugin reads it, "" of other forms.
	Content string
	// IsYAML reports whether a policy file was written in YAML or TOML: the plugin wants JSON.
	IsYAML bool

	lines locator
	// after is the line of File that Content begins after. noLines reports whether the lines of
	// Content in File are not known.
	after   int
	noLines bool
}

// Place returns where a key of the policy is written, by its path in the policy, such as
// tenants[0].hosts[1]: file and line, or the file alone. value, where it is not "", is what is
// written there.
func (p *Policy) Place(path, value string) string {
	if p.lines != nil {
		if line := p.lines(path, value); line > 0 {
			return fmt.Sprintf("%s:%d", p.File, line)
		}
	}

	return p.File
}

// locator returns the line that a key is in, 0 where that is not known.
type locator func(path, value string) int

// Options say what a file does not.
type Options struct {
	// Plugin is the plugin's name in the static configuration.
	Plugin string
	// Provider is whose labels or key-value pairs they are, "" for docker and consul.
	Provider string
}

// reader reads one file.
type reader struct {
	Options
	file string
	// skipped says what else was found, for a file without a policy.
	skipped []string
	found   []*Policy
}

// errNothing is said of a file in which there is no policy.
var errNothing = errors.New("wanted a policy file, keys of the plugin, a Middleware, Traefik's " +
	"dynamic configuration, labels or key-value pairs")

// Read returns the policies in a file. name is its path, or what is said in its place.
func Read(name string, content []byte, o Options) ([]*Policy, error) {
	r := &reader{Options: o, file: name}
	if err := r.read(content); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(r.found) == 0 && len(r.skipped) > 0 {
		slices.Sort(r.skipped)

		return nil, fmt.Errorf("%s: %w, found %s", name, errNothing,
			strings.Join(slices.Compact(r.skipped), ", "))
	}
	if len(r.found) == 0 {
		return nil, fmt.Errorf("%s: %w", name, errNothing)
	}

	return r.found, nil
}

func (r *reader) read(content []byte) error {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	if len(bytes.TrimSpace(content)) == 0 {
		return errors.New("the file is empty")
	}
	if strings.EqualFold(filepath.Ext(r.file), ".toml") || isTOML(content) {
		return r.readTOML(content)
	}
	if pairs := pairsOf(content); pairs != nil {
		return r.readPairs(pairs)
	}

	return r.readDocuments(content)
}

// readDocuments reads YAML, which JSON is as well.
func (r *reader) readDocuments(content []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return r.notYAML(content, err)
		}
		if len(document.Content) == 0 {
			continue
		}
		if err := r.readNode(document.Content[0], content); err != nil {
			return withHint(content, err)
		}
	}
}

// notYAML returns why a file can't be read. The plugin has its own words for a policy file that is
// no JSON.
func (r *reader) notYAML(content []byte, err error) error {
	if strings.EqualFold(filepath.Ext(r.file), ".json") {
		r.addFile(content, nil)

		return nil
	}

	return withHint(content, err)
}

// withHint adds what is likely to be the cause.
func withHint(content []byte, err error) error {
	if bytes.Contains(content, []byte("{{")) {
		return fmt.Errorf("%w: the file has templates, give it as Traefik sees it", err)
	}

	return err
}

// readNode reads one document.
func (r *reader) readNode(node *yaml.Node, content []byte) error {
	if node.Kind == yaml.SequenceNode {
		return r.readSequence(node)
	}
	if node.Kind != yaml.MappingNode {
		return errNothing
	}
	if kind := child(node, "kind"); kind != nil && child(node, "apiVersion") != nil {
		return r.readObject(kind.Value, node)
	}
	switch {
	case child(node, "http") != nil:
		return r.readDynamicYAML(node)
	case child(node, "services") != nil:
		return r.readCompose(child(node, "services"))
	case child(node, "plugin") != nil:
		return r.readPlugins(child(node, "plugin"), FormKeys, "guard@file")
	case hasLabels(node):
		return r.readPairs(pairsOfMap(node))
	case hasKeys(node, policyKeys) && !hasKeys(node, middlewareKeys):
		r.addFile(content, node)

		return nil
	case hasKeys(node, middlewareKeys):
		return r.addKeys(FormKeys, "guard@file", node)
	}
	if hasKeys(node, staticKeys) {
		r.skipped = append(r.skipped, "Traefik's static configuration: the policy is in a file "+
			"that its providers name")

		return nil
	}
	r.skipped = append(r.skipped, "the keys "+strings.Join(keysOf(node), ", "))

	return nil
}

// policyKeys are those of a policy file, middlewareKeys what a middleware may have beside them, and
// staticKeys some that only Traefik's static configuration has, in lower case.
var (
	staticKeys     = []string{"entrypoints", "providers", "experimental"}
	policyKeys     = []string{"tenants", "shared", "certificates"}
	middlewareKeys = []string{"mode", "policyfile", "legacynames", "plaintext", "kubernetes",
		"exposereason", "status", "trustedproxies", "servername"}
)

// addFile adds a policy file.
func (r *reader) addFile(content []byte, node *yaml.Node) {
	p := &Policy{
		Form: FormFile, File: r.file, Middleware: "guard@file", Content: string(content),
		Keys: map[string]any{"policyFile": r.file}, lines: locatorOf(node),
	}
	if node != nil && !json.Valid(content) && !strings.HasPrefix(firstLine(content), "{") {
		if converted, err := toJSON(node); err == nil {
			p.Content = string(converted)
			p.IsYAML = true
		}
	}
	r.found = append(r.found, p)
}

func firstLine(content []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(content)), "\n")

	return line
}

// addKeys adds the keys of a middleware as Kubernetes hands them over.
func (r *reader) addKeys(form, middleware string, node *yaml.Node) error {
	keys := map[string]any{}
	converted, err := toJSON(node)
	if err == nil && string(converted) != "null" {
		err = json.Unmarshal(converted, &keys)
	}
	if err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	r.found = append(r.found, &Policy{
		Form: form, File: r.file, Middleware: middleware, Keys: keys, lines: locatorOf(node),
	})

	return nil
}

// readPlugins reads a map from names of plugins to their keys.
func (r *reader) readPlugins(plugins *yaml.Node, form, middleware string) error {
	keys := child(plugins, r.Plugin)
	if keys == nil {
		r.skipped = append(r.skipped, fmt.Sprintf("a middleware %s of other plugins: %s",
			middleware, strings.Join(keysOf(plugins), ", ")))

		return nil
	}

	return r.addKeys(form, middleware, keys)
}
