package source

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/traefik/paerser/parser"
	"gopkg.in/yaml.v3"
)

// This file reads labels, and the pairs of key-value stores.

// pair is a label, or a pair of a key-value store, and the line it is in, 0 where that is not
// known.
type pair struct {
	key, value string
	line       int
}

// pairLine is a label, or a pair as stores list them: key and value, by "=" or white space.
var pairLine = regexp.MustCompile(`^["']?(traefik[./][^\s="']*[^\s="':])["']?(?:\s*=\s*|\s+)(.*)$`)

// pairsOf returns the pairs of a text of nothing else but comments, nil for any other text.
func pairsOf(content []byte) []pair {
	var pairs []pair
	for i, line := range strings.Split(string(content), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		match := pairLine.FindStringSubmatch(line)
		if match == nil || strings.HasPrefix(match[2], ":") {
			return nil
		}
		pairs = append(pairs, pair{match[1], unquote(match[2]), i + 1})
	}

	return pairs
}

// unquote takes the quotes off that a shell would.
func unquote(value string) string {
	for _, quote := range []string{`"`, "'"} {
		if len(value) > 1 && strings.HasPrefix(value, quote) && strings.HasSuffix(value, quote) {
			return value[1 : len(value)-1]
		}
	}

	return value
}

// hasLabels reports whether all keys of a map are labels for Traefik, or pairs.
func hasLabels(node *yaml.Node) bool {
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i].Value
		if !strings.HasPrefix(key, "traefik.") && !strings.HasPrefix(key, "traefik/") {
			return false
		}
	}

	return len(node.Content) > 0
}

func pairsOfMap(node *yaml.Node) []pair {
	var pairs []pair
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		pairs = append(pairs, pair{key.Value, value.Value, key.Line})
	}

	return pairs
}

// readSequence reads a list of labels, or what consul kv export writes.
func (r *reader) readSequence(node *yaml.Node) error {
	var pairs []pair
	for _, item := range node.Content {
		if item.Kind == yaml.MappingNode {
			one, err := exported(item)
			if err != nil {
				return err
			}
			pairs = append(pairs, one)

			continue
		}
		key, value, found := strings.Cut(item.Value, "=")
		if !found {
			return fmt.Errorf("line %d: wanted a label with its value, as key=value", item.Line)
		}
		pairs = append(pairs, pair{key, value, item.Line})
	}

	return r.readPairs(pairs)
}

// exported reads a pair as Consul exports it: its value is in base64.
func exported(node *yaml.Node) (pair, error) {
	var written struct {
		Key   string
		Value []byte
	}
	content, err := toJSON(node)
	if err == nil {
		err = json.Unmarshal(content, &written)
	}
	if err != nil || written.Key == "" {
		return pair{}, fmt.Errorf("line %d: wanted a pair as consul kv export writes it", node.Line)
	}

	return pair{written.Key, string(written.Value), node.Line}, nil
}

// readCompose reads the labels of the services of a compose file: each container's by themselves.
func (r *reader) readCompose(services *yaml.Node) error {
	for i := 0; i+1 < len(services.Content); i += 2 {
		service := services.Content[i+1]
		for _, labels := range []*yaml.Node{
			child(service, "labels"), child(child(service, "deploy"), "labels"),
		} {
			var pairs []pair
			for _, one := range composeLabels(labels) {
				if strings.HasPrefix(one.key, "traefik.") {
					one.value = strings.ReplaceAll(one.value, "$$", "$")
					pairs = append(pairs, one)
				}
			}
			if err := r.readPairs(pairs); err != nil {
				return fmt.Errorf("service %q: %w", services.Content[i].Value, err)
			}
		}
	}

	return nil
}

// composeLabels returns labels that are written as a map or as a list.
func composeLabels(node *yaml.Node) []pair {
	if node == nil {
		return nil
	}
	if node.Kind == yaml.MappingNode {
		return pairsOfMap(node)
	}
	var pairs []pair
	for _, item := range node.Content {
		key, value, _ := strings.Cut(item.Value, "=")
		pairs = append(pairs, pair{key, value, item.Line})
	}

	return pairs
}

// pluginLabel and pluginPair are the keys of labels, and those in a store, that belong to a plugin
// of a middleware.
var (
	pluginLabel = regexp.MustCompile(`(?i)^traefik\.http\.middlewares\.([^.]+)\.plugin\.`)
	pluginPair  = regexp.MustCompile(`(?i)^traefik/http/middlewares/([^/]+)/plugin/`)
)

// ofPlugin returns the middleware that a key belongs to, and what is behind the word plugin in it.
// It reports whether the key belongs to a plugin.
func ofPlugin(key string) (middleware, rest string, isPlugins bool) {
	for _, expression := range []*regexp.Regexp{pluginLabel, pluginPair} {
		if match := expression.FindStringSubmatch(key); match != nil {
			return match[1], key[len(match[0]):], true
		}
	}

	return "", "", false
}

// readPairs reads labels or the pairs of a store.
func (r *reader) readPairs(pairs []pair) error {
	var own []pair
	for _, one := range pairs {
		if _, _, isPlugins := ofPlugin(one.key); isPlugins {
			own = append(own, one)
		}
	}
	if len(own) == 0 {
		if len(pairs) > 0 {
			r.skipped = append(r.skipped, "labels or pairs without a plugin's")
		}

		return nil
	}
	form, provider := FormLabels, "docker"
	decode := decodeLabels
	if strings.HasPrefix(own[0].key, "traefik/") {
		form, provider = FormKeyValue, "consul"
		decode = decodeStore
	}
	if r.Provider != "" {
		provider = r.Provider
	}
	var decoded dynamicConfiguration
	if err := decode(own, &decoded); err != nil {
		return fmt.Errorf("as Traefik reads it: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(decoded.HTTP.Middlewares)) {
		r.addDecoded(form, name, provider, decoded, locatorOfPairs(own, name))
	}

	return nil
}

func decodeLabels(pairs []pair, into *dynamicConfiguration) error {
	labels := map[string]string{}
	for _, one := range pairs {
		labels[one.key] = one.value
	}

	return parser.Decode(labels, into, parser.DefaultRootName, "traefik.http")
}

// decodeStore reads the pairs of a key-value store. As in Traefik, numbers are places in a list,
// and pairs whose keys end in one are the items of a list.
func decodeStore(pairs []pair, into *dynamicConfiguration) error {
	values := map[string]string{}
	items := map[string][]string{}
	sorted := slices.SortedFunc(slices.Values(pairs), func(a, b pair) int {
		return strings.Compare(a.key, b.key)
	})
	for _, one := range sorted {
		if list, last := path.Split(one.key); isNumber(last) {
			items[strings.TrimSuffix(list, "/")] = append(items[strings.TrimSuffix(list, "/")],
				one.value)
		} else {
			values[one.key] = one.value
		}
	}
	for key, list := range items {
		values[key] = strings.Join(list, ",")
	}
	root := &parser.Node{Name: parser.DefaultRootName}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		node := root
		for part := range strings.SplitSeq(strings.TrimPrefix(key, "traefik/"), "/") {
			if part != "" {
				node = childNode(node, part)
			}
		}
		node.Value = values[key]
	}
	options := parser.MetadataOpts{TagName: "kv"}
	if err := parser.AddMetadata(into, root, options); err != nil {
		return err
	}

	return parser.Fill(into, root, parser.FillerOpts{})
}

// childNode returns the child of a node for a part of a key. It is made where there is none.
func childNode(node *parser.Node, part string) *parser.Node {
	if isNumber(part) {
		part = "[" + part + "]"
	}
	for _, known := range node.Children {
		if strings.EqualFold(known.Name, part) {
			return known
		}
	}
	made := &parser.Node{Name: part}
	node.Children = append(node.Children, made)

	return made
}

func isNumber(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}
