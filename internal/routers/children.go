package routers

import (
	"net/http"
	"reflect"

	"github.com/tenantguard/tenantguard/internal/peek"
)

// maxHandlers bounds the walk from a router's guard to its child routers.
const maxHandlers = 1024

// Children names the routers that a router's handler leads to (multi-layer routing), and tells whether these are all. Traefik
// puts no entry point's middleware in front of them, and whoever can refer to another's router can hang one below it, which
// then takes its requests. The walk reads the fields of Traefik's handlers as FromContext does: every field that is a handler,
// and the routes of a muxer, whose handlers carry the child's name. What a closure holds it can't see.
func Children(next http.Handler) (names []string, all bool) {
	queue := []reflect.Value{reflect.ValueOf(next)}
	for seen := 0; len(queue) > 0; seen++ {
		if seen == maxHandlers {
			return names, false
		}
		handler := peek.Pointee(queue[0])
		queue = queue[1:]
		if handler.Kind() != reflect.Struct {
			continue
		}
		if name := handler.FieldByName("router"); name.Kind() == reflect.String && handler.FieldByName("routerRule").IsValid() {
			names = append(names, name.String())
		}
		queue = append(queue, handlersIn(handler)...)
	}
	return names, true
}

// handlersIn are the handlers that a handler passes requests to.
func handlersIn(handler reflect.Value) []reflect.Value {
	var found []reflect.Value
	for i := 0; i < handler.NumField(); i++ {
		if field := handler.Field(i); isHandler(field.Type()) {
			found = append(found, field)
		}
	}
	routes := handler.FieldByName("routes")
	if routes.Kind() != reflect.Slice {
		return found
	}
	for i := 0; i < routes.Len(); i++ {
		found = append(found, routes.Index(i))
	}
	return found
}

// isHandler tells http.Handler and the types that implement it.
func isHandler(t reflect.Type) bool {
	if t.Kind() != reflect.Interface && t.Kind() != reflect.Pointer {
		return false
	}
	_, found := t.MethodByName("ServeHTTP")
	return found
}
