package policy

import (
	"encoding/json"
	"fmt"
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
	if raw == nil {
		return nil, errs
	}
	parsed, more := Parse(raw, readFile, "", clustered)
	if len(errs) == 0 {
		return parsed, more
	}
	for _, text := range more {
		errs = appendBounded(errs, text)
	}
	return nil, errs
}

// decodeFile reads the keys of a policy from the content of a file.
func decodeFile(path, content string, clustered bool) (raw map[string]any, errs []string) {
	var value any
	if err := json.Unmarshal([]byte(content), &value); err != nil {
		return nil, []string{fmt.Sprintf("policyFile: %q: %s", path, notJSON(content, err))}
	}
	d := &decoder{}
	raw = d.section("", value, policyKeys...)
	if raw != nil && raw["tenants"] == nil && !clustered {
		d.fail("tenants", "", "wanted at least one tenant")
	}
	return raw, d.errs
}
