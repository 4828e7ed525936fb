package source

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// This file reads objects of Kubernetes.

// readObject reads an object, or those of a list.
func (r *reader) readObject(kind string, node *yaml.Node) error {
	switch kind {
	case "List", "MiddlewareList", "ConfigMapList":
		for _, item := range sequence(child(node, "items")) {
			itemKind := strings.TrimSuffix(kind, "List")
			if own := child(item, "kind"); own != nil {
				itemKind = own.Value
			}
			if err := r.readObject(itemKind, item); err != nil {
				return err
			}
		}

		return nil
	case "Middleware":
		return r.readMiddleware(node)
	case "ConfigMap":
		return r.readConfigMap(node)
	}
	r.skipped = append(r.skipped, "a "+kind)

	return nil
}

// readMiddleware reads a Middleware, which has a safe name in Traefik: only that proves the
// namespace.
func (r *reader) readMiddleware(node *yaml.Node) error {
	metadata := child(node, "metadata")
	namespace, name := textOf(child(metadata, "namespace")), textOf(child(metadata, "name"))
	if namespace == "" {
		namespace = "default"
	}
	qualified := namespace + "_" + name + "@kubernetescrd"
	plugins := child(child(node, "spec"), "plugin")
	if plugins == nil {
		r.skipped = append(r.skipped, "a Middleware "+namespace+"/"+name+" that is no plugin")

		return nil
	}

	return r.readPlugins(plugins, FormMiddleware, qualified)
}

// readConfigMap reads the files in a ConfigMap that have a policy.
func (r *reader) readConfigMap(node *yaml.Node) error {
	data := child(node, "data")
	if data == nil {
		return nil
	}
	for i := 0; i+1 < len(data.Content); i += 2 {
		name, value := data.Content[i].Value, data.Content[i+1]
		extensions := []string{".json", ".yaml", ".yml", ".toml"}
		if !slices.Contains(extensions, strings.ToLower(filepath.Ext(name))) {
			continue
		}
		inner := &reader{Options: r.Options, file: name}
		if err := inner.read([]byte(value.Value)); err != nil {
			return fmt.Errorf("%q in line %d: %w", name, data.Content[i].Line, err)
		}
		offset := 0
		if value.Style == yaml.LiteralStyle {
			offset = value.Line
		}
		for _, p := range inner.found {
			p.moveTo(r.file, offset)
			r.found = append(r.found, p)
		}
	}

	return nil
}

// moveTo says the lines of a policy as those of a file that it is in, which begins after a line. 0
// is for a file whose lines are not known.
func (p *Policy) moveTo(file string, after int) {
	p.File, p.after, p.noLines = file, after, after == 0
	lines := p.lines
	p.lines = nil
	if after > 0 && lines != nil {
		p.lines = func(path, value string) int {
			line := lines(path, value)
			if line == 0 {
				return 0
			}

			return after + line
		}
	}
}
