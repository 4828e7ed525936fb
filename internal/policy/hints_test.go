package policy

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestNotJSON looks at what is said of files that are no JSON.
func TestNotJSON(t *testing.T) {
	rows := []struct{ description, content, want string }{
		{"empty", " \n", "the file is empty"},
		{"YAML", "tenants:\n  - name: acme\n", "this looks like YAML"},
		{"YAML with a comment", "# ours\ntenants: []\n", "this looks like YAML"},
		{"YAML that says where it begins", "---\ntenants:\n", "this looks like YAML"},
		{"a mark", "\ufeff{}", "byte order mark"},
		{"a comma before a bracket", "{\n  \"a\": [\"b\",\n  ]\n}",
			"line 3, column 3: a comma before ]"},
		{"a comma before a brace", `{"a":1, }`, "line 1, column 9: a comma before }"},
		{"letters of several bytes", `{"é":1, }`, "line 1, column 9: a comma before }"},
		{"no comma in a map", "{\"a\":1\n\"b\":2}",
			`line 2, column 1: a comma is missing before "\""`},
		{"no comma in a list", `["a" "b"]`, "line 1, column 6: a comma is missing"},
		{"a comment", "{\n// ours\n}", "line 2, column 1: JSON has no comments"},
		{"single quotes", `{'a':1}`, "line 1, column 2: texts are in double quotes"},
		{"no quotes", `{a:1}`, "line 1, column 2: keys are in double quotes"},
		{"no colon", `{"a" 1}`, "line 1, column 6: a colon is missing"},
		{"an open text", "{\"a\": \"b\n}", "line 1, column 9: a line ends within a text"},
		{"an open map", "{\n\"a\": 1", "line 2, column 7: the file ends too early"},
		{"more than one", `{} {}`, "line 1, column 4: wanted one JSON value"},
		{"a number that none can be", "{\n\"a\": 1e999}",
			"line 2, column 6: the number 1e999 is too large"},
		{"one that is long as well", `[7, 7` + strings.Repeat("0", 5000) + `]`,
			"line 1, column 5: the number 70000000000000000000… is too large"},
		{"a bare word", `{"a": yes}`, "line 1, column 7: wanted JSON: invalid character 'y'"},
	}
	for _, row := range rows {
		var value any
		err := json.Unmarshal([]byte(row.content), &value)
		if err == nil {
			t.Fatalf("%s: it is JSON", row.description)
		}
		if got := notJSON(row.content, err); !strings.HasPrefix(got, row.want) &&
			!strings.Contains(got, row.want) {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

// TestDidYouMean misspells keys.
func TestDidYouMean(t *testing.T) {
	keys := []string{"name", "hosts", "mode", "certificates", "routers"}
	rows := []struct{ description, given, want string }{
		{"one letter too few", "host", "hosts"},
		{"one letter too many", "routerss", "routers"},
		{"two letters in each other's place", "certifciates", "certificates"},
		{"another letter", "nome", "name"},
		{"in another case, and wrong", "HOTS", "hosts"},
		{"something else", "domains", ""},
		{"short and half of it wrong", "mine", ""},
		{"very long", strings.Repeat("hosts", 100), ""},
	}
	for _, row := range rows {
		got := didYouMean(row.given, keys)
		if (row.want == "") != (got == "") || !strings.Contains(got, row.want) {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

// TestAllErrorsTogether has a policy file have errors of each kind, which are said by one reading,
// with the name of the tenant that has them.
func TestAllErrorsTogether(t *testing.T) {
	const content = `{"tennants":[],"tenants":[
		{"name":"acme","namespaces":"acme,a-*","hosts":["a b","ok.test"],"host":"x"},
		{"name":"globex","namespaces":"acme,a-b","hosts":{"x":"y"},"certificates":{"ttl":""}}]}`
	_, errs := ParseFile("policy.json", func(string) (string, error) { return content, nil }, false)
	wants := []string{
		`tennants: a list: unknown key, did you mean tenants? wanted one of `,
		`tenants[0].host of "acme": "x": unknown key, did you mean hosts? wanted one of `,
		`tenants[0].hosts[0] of "acme": "a b": wanted one host name, separate hosts by commas`,
		`tenants[1].namespaces[0] of "globex": "acme": tenant "acme" claims this namespace`,
		`tenants[1].hosts of "globex": a map: wanted a list`,
		`tenants[1].certificates.ttl of "globex": wanted a duration`,
		`tenants[1].namespaces[1] of "globex": "a-b": tenant "acme" claims this namespace`,
	}
	if !eachBegins(errs, wants) {
		t.Errorf("errors %q, want %q", errs, wants)
	}
}
