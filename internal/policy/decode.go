package policy

import (
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/internal/text"
)

// decoder turns what Traefik's providers hand over into values and collects the errors. The forms
// differ: a file gives booleans and lists, labels and key-value stores give strings, lists as
// comma-separated strings or as maps with the keys "0", "1", …, and keys in any case.
type decoder struct {
	errs []string
	// tenant is the name of the tenant that is read, "" for none: errors have it beside the index.
	tenant string
}

// maxErrors bounds what is collected: whoever writes a tenant's Middleware could have the log
// flooded, and each error takes the interpreter its time.
const maxErrors = 100

// moreErrors returns what is said in place of the errors beyond maxErrors.
func moreErrors() string {
	return fmt.Sprintf("there are more errors than these %d", maxErrors)
}

// fail adds an error about the value of a key, or instead of one too many that there are more.
func (d *decoder) fail(path string, value any, wanted string) {
	if d.full() {
		return
	}
	if len(d.errs) == maxErrors {
		d.errs = append(d.errs, moreErrors())
		return
	}
	d.errs = append(d.errs, d.where(path, value)+": "+wanted)
}

// where returns the place of an error, and its value unless that is empty.
func (d *decoder) where(path string, value any) string {
	where := text.Bound(path, maxQuoted) // which ends in a key that somebody made up
	if d.tenant != "" {
		where += " of " + quote(d.tenant)
	}
	if value == nil || value == "" {
		return where
	}
	if where == "" {
		return quote(value)
	}
	return where + ": " + quote(value)
}

// full reports whether no more errors are collected, so that reading on is of no use.
func (d *decoder) full() bool {
	return len(d.errs) > maxErrors
}

// section reads a map with the given keys. Keys are compared without case, as Traefik does; any
// other key is an error, for a misspelled one would silently leave its default in force.
func (d *decoder) section(path string, value any, keys ...string) map[string]any {
	if value == "" {
		return map[string]any{} // what Traefik's file provider makes of {}
	}
	values, ok := asMap(value)
	if !ok {
		d.fail(path, value, "wanted a map with the keys "+strings.Join(keys, ", "))
		return nil
	}
	section := map[string]any{}
	for _, given := range sortedKeys(values) {
		if d.full() {
			break
		}
		key := knownKey(given, keys)
		if key == "" {
			d.fail(join(path, given), values[given], "unknown key, "+didYouMean(given, keys)+
				"wanted one of "+strings.Join(keys, ", "))
			continue
		}
		if _, twice := section[key]; twice {
			d.fail(join(path, given), values[given], "the key is there twice, in different case")
			continue
		}
		if values[given] != nil {
			section[key] = values[given]
		}
	}
	return section
}

func knownKey(given string, keys []string) string {
	for _, key := range keys {
		if key == given {
			return key
		}
	}
	for _, key := range keys {
		if strings.EqualFold(key, given) {
			return key
		}
	}
	return ""
}

// list reads a list. A lone string stands for a list, split on commas.
func (d *decoder) list(path string, value any) []any {
	if s, ok := value.(string); ok {
		return split(s)
	}
	if list, ok := value.([]any); ok {
		return list
	}
	rv := reflect.ValueOf(value)
	if rv.Kind() == reflect.Slice {
		list := make([]any, 0, rv.Len())
		for i := 0; i < rv.Len(); i++ {
			list = append(list, rv.Index(i).Interface())
		}
		return list
	}
	if list, ok := indexed(value); ok {
		return list
	}
	d.fail(path, value, "wanted a list")
	return nil
}

// split drops nothing but the white space around: an empty item is an error for the reader of the
// items.
func split(s string) []any {
	if s == "" {
		return nil
	}
	var list []any
	for _, item := range strings.Split(s, ",") {
		list = append(list, strings.TrimSpace(item))
	}
	return list
}

// indexed reads a map with the keys "0", "1", … as a list: key-value stores know no lists.
func indexed(value any) ([]any, bool) {
	values, ok := asMap(value)
	if !ok || len(values) == 0 {
		return nil, false
	}
	list := make([]any, 0, len(values))
	for i := 0; i < len(values); i++ {
		item, ok := values[strconv.Itoa(i)]
		if !ok {
			return nil, false
		}
		list = append(list, item)
	}
	return list, true
}

// strings reads a list of strings that are not empty.
func (d *decoder) strings(path string, value any) []string {
	if value == nil {
		return nil
	}
	items := d.list(path, value)
	list := make([]string, 0, len(items))
	for i, item := range items {
		if d.full() {
			break
		}
		s, ok := item.(string)
		if !ok || s == "" {
			d.fail(index(path, i), item, "wanted a string that is not empty")
			s = ""
		}
		list = append(list, s)
	}
	return list
}

// each has read take the strings of a list one by one, and returns how many there are.
func (d *decoder) each(path string, value any, read func(path, text string)) int {
	list := d.strings(path, value)
	for i, text := range list {
		if d.full() {
			break
		}
		if text != "" {
			read(index(path, i), text)
		}
	}
	return len(list)
}

// text reads a string. A file may give a whole number where a label gives its digits.
func (d *decoder) text(path string, value any) string {
	if s, ok := value.(string); ok || value == nil {
		return s
	}
	kind := reflect.ValueOf(value).Kind()
	if (kind >= reflect.Int && kind <= reflect.Uint64) || kind == reflect.Float64 {
		return fmt.Sprint(value)
	}
	d.fail(path, value, "wanted a string")
	return ""
}

// choice reads one of several words, the first of which is the default.
func (d *decoder) choice(path string, value any, words ...string) string {
	if value == nil {
		return words[0]
	}
	for _, word := range words {
		if value == word || (value == false && word == "off") {
			return word // kubectl reads off as false
		}
	}
	d.fail(path, value, "wanted "+strings.Join(words, " or "))
	return words[0]
}

// boolean reads a bool, which labels and key-value stores write as a string.
func (d *decoder) boolean(path string, value any) bool {
	if value == nil {
		return false
	}
	if b, ok := value.(bool); ok {
		return b
	}
	s, ok := value.(string)
	b, err := strconv.ParseBool(s)
	if !ok || err != nil {
		d.fail(path, value, "wanted true or false")
	}
	return b
}

// duration reads a duration with its unit, in the spelling of time.ParseDuration, greater than
// zero.
func (d *decoder) duration(path string, value any) time.Duration {
	s, ok := value.(string)
	parsed, err := time.ParseDuration(s)
	if !ok || err != nil || parsed <= 0 {
		d.fail(path, value, `wanted a duration greater than zero with its unit, such as "30s"`)
		return 0
	}
	return parsed
}

func asMap(value any) (map[string]any, bool) {
	if m, ok := value.(map[string]any); ok {
		return m, true
	}
	rv := reflect.ValueOf(value)
	if rv.Kind() != reflect.Map {
		return nil, false
	}
	m := make(map[string]any, rv.Len())
	for _, key := range rv.MapKeys() {
		m[fmt.Sprint(key.Interface())] = rv.MapIndex(key).Interface()
	}
	return m, true
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func index(path string, i int) string {
	return path + "[" + strconv.Itoa(i) + "]"
}

// maxQuoted bounds, in bytes, what an error repeats of a value.
const maxQuoted = 300

// quote writes a value as an error repeats it. Of maps and lists it says only that.
func quote(value any) string {
	kind := reflect.ValueOf(value).Kind()
	if kind == reflect.Map {
		return "a map"
	}
	if kind == reflect.Slice || kind == reflect.Array {
		return "a list"
	}
	return strconv.Quote(text.Bound(fmt.Sprint(value), maxQuoted))
}
