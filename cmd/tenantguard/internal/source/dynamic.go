package source

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/traefik/paerser/file"
	"gopkg.in/yaml.v3"
)

// This file reads Traefik's dynamic configuration as its file provider does.

// pluginKeys are the keys of a plugin, as Traefik declares them: what the parser makes of them
// depends on that.
type pluginKeys map[string]any

// dynamicConfiguration is as much of Traefik's as has to do with plugins.
type dynamicConfiguration struct {
	HTTP *struct {
		Middlewares map[string]*struct {
			Plugin map[string]pluginKeys
		}
	}
}

// isTOML reports whether a text begins like TOML.
func isTOML(content []byte) bool {
	return tomlTable.Match(content)
}

var tomlTable = regexp.MustCompile(`^(\s|#.*\n)*\[{1,2}[A-Za-z][\w.-]*\]{1,2}\s*(#.*)?\n`)

func (r *reader) readTOML(content []byte) error {
	var raw map[string]any
	if err := toml.Unmarshal(content, &raw); err != nil {
		return err
	}
	if valueOf(raw, "http") == nil {
		return r.readOtherTOML(raw, content)
	}

	return r.addDynamic(raw, func(string) locator { return uniqueLine(content) })
}

// readOtherTOML reads what is no dynamic configuration, as if it was YAML: the keys of a
// middleware, or a policy file to be converted.
func (r *reader) readOtherTOML(raw map[string]any, content []byte) error {
	converted, err := json.Marshal(raw)
	if err != nil {
		return err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(converted, &document); err != nil {
		return err
	}
	if err := r.readNode(document.Content[0], converted); err != nil {
		return err
	}
	for _, p := range r.found {
		p.lines = uniqueLine(content)
		p.IsYAML = p.Form == FormFile
	}

	return nil
}

func (r *reader) readDynamicYAML(node *yaml.Node) error {
	var raw map[string]any
	if err := node.Decode(&raw); err != nil {
		return err
	}

	return r.addDynamic(raw, func(name string) locator {
		middleware := child(child(child(node, "http"), "middlewares"), name)

		return locatorOf(child(child(middleware, "plugin"), r.Plugin))
	})
}

// addDynamic adds the middlewares of a configuration. lines returns the locator of a middleware.
func (r *reader) addDynamic(raw map[string]any, lines func(name string) locator) error {
	plugins := pluginsOf(raw)
	content, err := json.Marshal(plugins)
	if err != nil {
		return err
	}
	var decoded dynamicConfiguration
	if err := file.DecodeContent(string(content), ".json", &decoded); err != nil {
		return fmt.Errorf("as Traefik reads it: %w", err)
	}
	if decoded.HTTP == nil {
		r.skipped = append(r.skipped, "dynamic configuration without a plugin")

		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(decoded.HTTP.Middlewares)) {
		r.addDecoded(FormDynamic, name, "file", decoded, lines(name))
	}

	return nil
}

// addDecoded adds a middleware of a decoded configuration if it is the plugin's.
func (r *reader) addDecoded(
	form, name, provider string, decoded dynamicConfiguration, lines locator,
) {
	for plugin, keys := range decoded.HTTP.Middlewares[name].Plugin {
		if !strings.EqualFold(plugin, r.Plugin) {
			r.skipped = append(r.skipped, "a middleware of the plugin "+plugin)

			continue
		}
		r.found = append(r.found, &Policy{
			Form: form, File: r.file, Middleware: name + "@" + provider, Keys: keys, lines: lines,
		})
	}
}

// pluginsOf leaves nothing but the plugins of middlewares: what else a file has is declared by
// types of Traefik's.
func pluginsOf(raw map[string]any) map[string]any {
	left := map[string]any{}
	http, _ := valueOf(raw, "http").(map[string]any)
	middlewares, _ := valueOf(http, "middlewares").(map[string]any)
	for name, value := range middlewares {
		middleware, _ := value.(map[string]any)
		if plugin := valueOf(middleware, "plugin"); plugin != nil {
			left[name] = map[string]any{"plugin": plugin}
		}
	}
	if len(left) == 0 {
		return map[string]any{}
	}

	return map[string]any{"http": map[string]any{"middlewares": left}}
}

// valueOf returns the value of a key in any case, nil for none.
func valueOf(values map[string]any, key string) any {
	for given, value := range values {
		if strings.EqualFold(given, key) {
			return value
		}
	}

	return nil
}
