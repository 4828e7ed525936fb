package policy

import (
	"encoding/json"
	"fmt"
	"strings"
)

// ParseFile reads a policy file. readFile reads it, and the files of roots that it names. clustered
// reports whether a cluster is asked, as for Parse.
func ParseFile(
	path string, readFile func(path string) (string, error), clustered bool,
) (*Parsed, []string) {
	content, err := readFile(path)
	if err != nil {
		return nil, []string{fmt.Sprintf("policyFile: %q: wanted a readable file: %s", path, err)}
	}
	raw, errs := decodeFile(path, content, clustered)
	if len(errs) > 0 {
		return nil, errs
	}
	return Parse(raw, readFile, "", clustered)
}

// decodeFile reads the keys of a policy from the content of a file.
func decodeFile(path, content string, clustered bool) (raw map[string]any, errs []string) {
	var value any
	reader := json.NewDecoder(strings.NewReader(content))
	if err := reader.Decode(&value); err != nil {
		return nil, []string{fmt.Sprintf("policyFile: %q: wanted JSON: %s", path, err)}
	}
	if reader.More() {
		wanted := "wanted one JSON value and nothing after it"
		return nil, []string{fmt.Sprintf("policyFile: %q: %s", path, wanted)}
	}
	d := &decoder{}
	raw = d.section("", value, policyKeys...)
	if raw != nil && raw["tenants"] == nil && !clustered {
		d.fail("tenants", "", "wanted at least one tenant")
	}
	return raw, d.errs
}
