package traefik

import (
	"net/http"
	"reflect"
)

// maxHandlers bounds the walk from a router's guard to its child routers.
const maxHandlers = 1024

// ChildRouters returns the names of the routers that a router's handler leads to (multi-layer
// routing), and reports whether the list is truncated. Traefik puts no entry point's middleware
// in front of them, and whoever can refer to another's router can hang one below it, which then
// takes its requests. The walk goes through every field of Traefik's handlers that is a handler,
// and through the routes of a muxer, whose handlers carry the child's name. What a closure holds
// it can't see.
func ChildRouters(next http.Handler) (names []string, truncated bool) {
	queue := []reflect.Value{reflect.ValueOf(next)}
	for seen := 0; len(queue) > 0; seen++ {
		if seen == maxHandlers {
			return names, true
		}
		handler := pointee(queue[0])
		queue = queue[1:]
		if handler.Kind() != reflect.Struct {
			continue
		}
		name := handler.FieldByName("router")
		if name.Kind() == reflect.String && handler.FieldByName("routerRule").IsValid() {
			names = append(names, name.String())
		}
		queue = append(queue, handlersIn(handler)...)
	}
	return names, false
}

// handlersIn returns the handlers that a handler passes requests to.
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

// isHandler reports whether a type is http.Handler or implements it.
func isHandler(t reflect.Type) bool {
	if t.Kind() != reflect.Interface && t.Kind() != reflect.Pointer {
		return false
	}
	_, found := t.MethodByName("ServeHTTP")
	return found
}
