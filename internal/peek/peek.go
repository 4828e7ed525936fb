// Package peek helps to read what Traefik and net/http keep in unexported fields: reading them by reflect works, in the
// interpreter too, while calling their methods does not.
package peek

import "reflect"

// Pointee follows interfaces and pointers to what they hold.
func Pointee(value reflect.Value) reflect.Value {
	for value.Kind() == reflect.Interface || value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	return value
}
