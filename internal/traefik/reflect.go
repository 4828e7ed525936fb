// Package traefik reads what Traefik, net/http and zerolog keep in fields that no function gives
// out: the router of a middleware, the namespace of an Ingress, the routers below a router, the
// address of an entry point and the certificate of a connection. What an upgrade of Traefik can
// break is here.
//
// Reading unexported fields by reflection works, in the interpreter too, while calling methods of
// what they hold does not.
package traefik

import (
	"context"
	"reflect"
)

// maxDepth bounds the walk up a context; Traefik's is a dozen values deep.
const maxDepth = 64

// pointee follows interfaces and pointers to what they hold.
func pointee(value reflect.Value) reflect.Value {
	for value.Kind() == reflect.Interface || value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	return value
}

// findValue calls take with each value that a context holds, the innermost first, until take
// reports that this was the one.
func findValue(ctx context.Context, take func(value reflect.Value) bool) {
	node := reflect.ValueOf(ctx)
	for depth := 0; depth < maxDepth; depth++ {
		node = pointee(node)
		if node.Kind() != reflect.Struct || take(node.FieldByName("val")) {
			return
		}
		node = node.FieldByName("Context")
	}
}
