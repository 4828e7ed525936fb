package policy

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// object and array are what a file's maps and lists are decoded into.
type (
	object = map[string]any
	array  = []any
)

// decoded is what a decoder makes of a value, and the beginning of its only error, "" for none.
type decoded struct {
	description string
	value, want any
	wrong       string
}

// checkDecoded has read take each value with a decoder of its own.
func checkDecoded(t *testing.T, rows []decoded, read func(d *decoder, value any) any) {
	t.Helper()
	for _, row := range rows {
		d := &decoder{}
		if got := read(d, row.value); !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: %#v, want %#v", row.description, got, row.want)
		}
		if row.wrong == "" && len(d.errs) > 0 {
			t.Errorf("%s: errors %q", row.description, d.errs)
		}
		if row.wrong != "" && (len(d.errs) != 1 || !strings.HasPrefix(d.errs[0], row.wrong)) {
			t.Errorf("%s: errors %q, want %q", row.description, d.errs, row.wrong)
		}
	}
}

func TestSection(t *testing.T) {
	unknown := `key.hots: "1": unknown key, did you mean hosts? wanted one of hosts, mode`
	rows := []decoded{
		{"a map", object{"hosts": 1}, object{"hosts": 1}, ""},
		{"another kind of map", map[string]int{"hosts": 1}, object{"hosts": 1}, ""},
		{"keys of any type", map[any]any{"mode": 1}, object{"mode": 1}, ""},
		{"other case", object{"HOSTS": 1}, object{"hosts": 1}, ""},
		{"both cases", object{"HOSTS": 1, "hosts": 2}, object{"hosts": 1},
			`key.hosts: "2": the key is there twice`},
		{"nil", object{"hosts": nil, "mode": 1}, object{"mode": 1}, ""},
		{"an unknown key", object{"hots": 1, "mode": 1}, object{"mode": 1}, unknown},
		{"an empty text", "", object{}, ""},
		{"a text", "x", object(nil), `key: "x": wanted a map with the keys hosts, mode`},
		{"a list", []any{}, object(nil), `key: a list: wanted a map with the keys hosts, mode`},
	}
	checkDecoded(t, rows, func(d *decoder, value any) any {
		return d.section("key", value, "hosts", "mode")
	})
	d := &decoder{}
	d.section("", object{"one": 1, "two": 2}, "hosts")
	wants := []string{`one: "1": unknown key`, `two: "2": unknown key`}
	if len(d.errs) != 2 || !strings.HasPrefix(d.errs[0], wants[0]) ||
		!strings.HasPrefix(d.errs[1], wants[1]) {
		t.Errorf("two unknown keys: errors %q, want %q", d.errs, wants)
	}
}

func TestList(t *testing.T) {
	rows := []decoded{
		{"a list", array{"a", 1}, array{"a", 1}, ""},
		{"a list of strings", []string{"a", "b"}, array{"a", "b"}, ""},
		{"a text", " a, b ,c", array{"a", "b", "c"}, ""},
		{"a text with an empty item", "a,,b", array{"a", "", "b"}, ""},
		{"an empty text", "", array(nil), ""},
		{"a numbered map", map[string]any{"1": "b", "0": "a"}, array{"a", "b"}, ""},
		{"a map that does not begin at 0", map[string]any{"1": "b"}, array(nil),
			`key: a map: wanted a list`},
		{"a map with other keys", map[string]any{"a": "b"}, array(nil),
			`key: a map: wanted a list`},
		{"an empty map", map[string]any{}, array(nil), `key: a map: wanted a list`},
		{"a number", 1, array(nil), `key: "1": wanted a list`},
	}
	checkDecoded(t, rows, func(d *decoder, value any) any { return d.list("key", value) })
}

func TestStrings(t *testing.T) {
	const wanted = ": wanted a string that is not empty"
	rows := []decoded{
		{"nothing", nil, []string(nil), ""},
		{"a list", []any{"a", "b"}, []string{"a", "b"}, ""},
		{"a number among them", []any{"a", 1}, []string{"a", ""}, `key[1]: "1"` + wanted},
		{"an empty item", "a,,b", []string{"a", "", "b"}, "key[1]" + wanted},
	}
	checkDecoded(t, rows, func(d *decoder, value any) any { return d.strings("key", value) })
}

func TestText(t *testing.T) {
	rows := []decoded{
		{"a text", "a", "a", ""},
		{"nothing", nil, "", ""},
		{"an int", 1, "1", ""},
		{"a uint64", uint64(2), "2", ""},
		{"a float64", 3.0, "3", ""},
		{"a bool", true, "", `key: "true": wanted a string`},
		{"a float32", float32(3), "", `key: "3": wanted a string`},
		{"a list", []any{"a"}, "", `key: a list: wanted a string`},
	}
	checkDecoded(t, rows, func(d *decoder, value any) any { return d.text("key", value) })
}

func TestChoice(t *testing.T) {
	rows := []decoded{
		{"nothing", nil, "served", ""},
		{"the first", "served", "served", ""},
		{"the second", "off", "off", ""},
		{"false for off", false, "off", ""},
		{"true", true, "served", `key: "true": wanted served or off`},
		{"another word", "on", "served", `key: "on": wanted served or off`},
		{"a number", 1, "served", `key: "1": wanted served or off`},
	}
	checkDecoded(t, rows, func(d *decoder, value any) any {
		return d.choice("key", value, "served", "off")
	})
	rows = []decoded{{"false where off is no word", false, "deny",
		`key: "false": wanted deny or allow`}}
	checkDecoded(t, rows, func(d *decoder, value any) any {
		return d.choice("key", value, "deny", "allow")
	})
}

func TestBoolean(t *testing.T) {
	rows := []decoded{
		{"nothing", nil, false, ""},
		{"true", true, true, ""},
		{"false", false, false, ""},
		{"a text", "true", true, ""},
		{"another text", "0", false, ""},
		{"a text that is neither", "yes", false, `key: "yes": wanted true or false`},
		{"an empty text", "", false, `key: wanted true or false`},
		{"a number", 1, false, `key: "1": wanted true or false`},
	}
	checkDecoded(t, rows, func(d *decoder, value any) any { return d.boolean("key", value) })
}

func TestDuration(t *testing.T) {
	const wanted = ": wanted a duration greater than zero"
	rows := []decoded{
		{"a duration", "1m30s", 90 * time.Second, ""},
		{"the shortest", "1ns", time.Nanosecond, ""},
		{"zero", "0s", time.Duration(0), `key: "0s"` + wanted},
		{"a negative one", "-1s", time.Duration(0), `key: "-1s"` + wanted},
		{"without a unit", "30", time.Duration(0), `key: "30"` + wanted},
		{"a number", 30, time.Duration(0), `key: "30"` + wanted},
	}
	checkDecoded(t, rows, func(d *decoder, value any) any { return d.duration("key", value) })
}

// TestDecodingEndsWithTheErrors gives each more that is wrong than there may be errors.
func TestDecodingEndsWithTheErrors(t *testing.T) {
	keys := map[string]any{"z": 1}
	for i := 0; i < 2*maxErrors; i++ {
		keys[fmt.Sprint("a", i)] = 1
	}
	d := &decoder{}
	if section := d.section("", keys, "z"); len(section) > 0 || len(d.errs) != maxErrors+1 {
		t.Errorf("a section: %v read after %d errors", section, len(d.errs))
	}
	numbers := repeated(2*maxErrors, func(i int) any { return 1 })
	d = &decoder{}
	if got := len(d.strings("", numbers)); got > maxErrors+1 || len(d.errs) != maxErrors+1 {
		t.Errorf("strings: %d read, %d errors", got, len(d.errs))
	}
	texts := repeated(2*maxErrors, func(i int) any { return "x" })
	d = &decoder{}
	read := 0
	d.each("", texts, func(path, text string) {
		read++
		d.fail(path, text, "wrong")
	})
	if read > maxErrors+1 || len(d.errs) != maxErrors+1 {
		t.Errorf("each: %d read, %d errors", read, len(d.errs))
	}
}

func TestParseFile(t *testing.T) {
	const tenants = `"tenants":[{"name":"acme","namespaces":["acme"]}]`
	rows := []struct {
		description, content string
		clustered            bool
		// wrong is part of the only error, "" for none.
		wrong string
	}{
		{"a policy", `{` + tenants + `}`, false, ""},
		{"no tenants", `{}`, false, `tenants: wanted at least one tenant`},
		{"no tenants but those of a cluster", `{}`, true, ""},
		{"a file that is not there", "", false, `"policy.json": wanted a readable file: not there`},
		{"no JSON", `{`, false, `"policy.json": line 1, column 2: the file ends too early`},
		{"two values", `{` + tenants + `} {}`, false,
			`"policy.json": line 1, column 53: wanted one JSON value and nothing after it`},
		{"a list", `[]`, false, "wanted a map with the keys tenants, shared, certificates"},
		{"a key of a middleware", `{` + tenants + `,"mode":"report"}`, false,
			`mode: "report": unknown key`},
		{"a wrong tenant", `{"tenants":[{"name":"acme"}]}`, false, "the tenant is empty"},
		{"an empty file", "\n", false, `"policy.json": the file is empty`},
	}
	for _, row := range rows {
		made, errs := ParseFile("policy.json", func(path string) (string, error) {
			if row.content == "" || path != "policy.json" {
				return "", errors.New("not there")
			}
			return row.content, nil
		}, row.clustered)
		if row.wrong == "" && (len(errs) > 0 || made == nil) {
			t.Errorf("%s: errors %q", row.description, errs)
		}
		wrong := len(errs) == 1 && strings.Contains(errs[0], row.wrong) && made == nil
		if row.wrong != "" && !wrong {
			t.Errorf("%s: errors %q, want one with %q", row.description, errs, row.wrong)
		}
	}
}

// TestQuote has a value be as long as an error repeats it, and longer.
func TestQuote(t *testing.T) {
	long := strings.Repeat("x", maxQuoted)
	rows := []struct {
		description string
		value       any
		want        string
	}{
		{"a text", "a\nb", `"a\nb"`},
		{"a number", 1, `"1"`},
		{"a map", object{"a": 1}, "a map"},
		{"a list", []string{"a"}, "a list"},
		{"as long as it may be", long, `"` + long + `"`},
		{"longer by one", long + "y", `"` + long + `…"`},
	}
	for _, row := range rows {
		if got := quote(row.value); got != row.want {
			t.Errorf("%s: %s, want %s", row.description, got, row.want)
		}
	}
}
