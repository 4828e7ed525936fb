package source

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
	kubernetesyaml "sigs.k8s.io/yaml"
)

// This file finds the lines that keys are in.

// pathPart is a key of a path, or a place in a list.
var pathPart = regexp.MustCompile(`[^.\[\]]+`)

// locatorOf finds keys below a node, as far down as there are nodes.
func locatorOf(node *yaml.Node) locator {
	if node == nil {
		return nil
	}

	return func(path, value string) int {
		at, line := node, node.Line
		for _, part := range pathPart.FindAllString(path, -1) {
			next, keyLine := step(at, part)
			if next == nil {
				break
			}
			at, line = next, keyLine
		}

		return line
	}
}

// step returns what is below a node and its line, nil for nothing.
func step(node *yaml.Node, part string) (*yaml.Node, int) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind == yaml.SequenceNode {
		i, err := strconv.Atoi(part)
		if err != nil || i >= len(node.Content) {
			return nil, 0
		}

		return node.Content[i], node.Content[i].Line
	}
	if node.Kind != yaml.MappingNode {
		return nil, 0
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if strings.EqualFold(node.Content[i].Value, part) {
			return node.Content[i+1], node.Content[i].Line
		}
	}

	return nil, 0
}

// locatorOfPairs finds the pair that has the longest beginning of a path.
func locatorOfPairs(pairs []pair, middleware string) locator {
	return func(path, value string) int {
		want := pathPart.FindAllString(strings.ToLower(path), -1)
		best, line := 0, 0
		for _, one := range pairs {
			name, key, _ := ofPlugin(one.key)
			if !strings.EqualFold(name, middleware) {
				continue
			}
			separators := func(r rune) bool { return strings.ContainsRune("./[]", r) }
			parts := strings.FieldsFunc(strings.ToLower(key), separators)
			if same := common(parts[1:], want); same > best {
				best, line = same, one.line
			}
		}

		return line
	}
}

// common returns how many items two lists begin with alike.
func common(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}

	return n
}

// uniqueLine finds a value that is in one line only, in quotes.
func uniqueLine(content []byte) locator {
	lines := strings.Split(string(content), "\n")

	return func(path, value string) int {
		found := 0
		for i, line := range lines {
			if value != "" && strings.Contains(line, strconv.Quote(value)) {
				if found > 0 {
					return 0
				}
				found = i + 1
			}
		}

		return found
	}
}

// child returns the value of a key, in any case, nil for none.
func child(node *yaml.Node, key string) *yaml.Node {
	if node == nil {
		return nil
	}
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.MappingNode {
		return nil
	}
	value, _ := step(node, key)

	return value
}

// sequence returns the items of a list.
func sequence(node *yaml.Node) []*yaml.Node {
	if node == nil || node.Kind != yaml.SequenceNode {
		return nil
	}

	return node.Content
}

func textOf(node *yaml.Node) string {
	if node == nil {
		return ""
	}

	return node.Value
}

func keysOf(node *yaml.Node) []string {
	var keys []string
	for i := 0; i+1 < len(node.Content); i += 2 {
		keys = append(keys, node.Content[i].Value)
	}

	return keys
}

// hasKeys reports whether a map has one of these keys, which are in lower case.
func hasKeys(node *yaml.Node, keys []string) bool {
	return slices.ContainsFunc(keysOf(node), func(key string) bool {
		return slices.Contains(keys, strings.ToLower(key))
	})
}

// maxDepth bounds how deep a document is followed.
const maxDepth = 100

// withoutAliases returns a copy of a node that stands by itself.
func withoutAliases(node *yaml.Node, depth int) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	own := *node
	own.Anchor = ""
	own.Content = nil
	if depth > maxDepth {
		return &own // an alias of what it is in
	}
	for _, item := range node.Content {
		own.Content = append(own.Content, withoutAliases(item, depth+1))
	}

	return &own
}

// toJSON converts YAML as kubectl does.
func toJSON(node *yaml.Node) ([]byte, error) {
	content, err := yaml.Marshal(withoutAliases(node, 0))
	if err != nil {
		return nil, err
	}
	converted, err := kubernetesyaml.YAMLToJSON(content)
	if err != nil {
		return nil, err
	}
	var value any
	if err := json.Unmarshal(converted, &value); err != nil {
		return nil, err
	}

	return json.MarshalIndent(value, "", "  ")
}
