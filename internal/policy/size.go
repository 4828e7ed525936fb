package policy

import (
	"fmt"
	"reflect"
)

const (
	// maxKeys bounds, in bytes, the keys of a middleware that is not the operator's. In the
	// interpreter it takes seconds to read what Kubernetes lets a tenant store, and each of its
	// Middlewares may hold that much.
	maxKeys = 64 << 10
	// itemSize is what a key or a value costs beside its text.
	itemSize = 4
)

// IsTooLarge reports whether keys are more than a middleware may have that is not the operator's.
// It looks at no more of them than that.
func IsTooLarge(raw map[string]any) bool {
	return remaining(maxKeys, raw) < 0
}

// tooLarge returns what becomes of keys that are too large.
func tooLarge(refusal string) *Keys {
	d := &decoder{}
	wanted := fmt.Sprintf("wanted at most %d bytes, only the operator may write more: %s",
		maxKeys, refusal)
	d.fail("size", "too large", wanted)
	return &Keys{Errors: d.errs}
}

// remaining returns how many of so many bytes a value leaves, less than 0 where it takes more.
func remaining(bytes int, value any) int {
	bytes -= itemSize
	if text, isText := value.(string); isText || bytes < 0 {
		return bytes - len(text)
	}
	if values, isMap := value.(map[string]any); isMap {
		for key, item := range values {
			bytes = remaining(bytes-len(key), item)
			if bytes < 0 {
				break
			}
		}
		return bytes
	}
	if items, isList := value.([]any); isList {
		for _, item := range items {
			bytes = remaining(bytes, item)
			if bytes < 0 {
				break
			}
		}
		return bytes
	}
	return remainingOf(bytes, reflect.ValueOf(value))
}

// remainingOf returns how many bytes a value of any other type leaves.
func remainingOf(bytes int, value reflect.Value) int {
	switch value.Kind() {
	case reflect.String:
		return bytes - value.Len()
	case reflect.Slice:
		for i := 0; i < value.Len() && bytes >= 0; i++ {
			bytes = remaining(bytes, value.Index(i).Interface())
		}
	case reflect.Map:
		each := value.MapRange()
		for bytes >= 0 && each.Next() {
			bytes = remaining(bytes, each.Key().Interface())
			if bytes >= 0 {
				bytes = remaining(bytes, each.Value().Interface())
			}
		}
	}
	return bytes
}
