package traefik

import (
	"net/http"
	"reflect"
	"strings"
)

// maxHandlers bounds the walk from a router's guard to its child routers.
const maxHandlers = 1024

// Children are the routers that a router's handler leads to (multi-layer routing).
type Children struct {
	// Names are qualified with the provider.
	Names []string
	// Truncated reports whether there were too many handlers to look at: there may be more.
	Truncated bool
	// Unreadable reports whether there is a muxer of which not each route's router has a name that
	// can be found: this Traefik keeps its routers otherwise than those that are known here.
	Unreadable bool
	// Reached reports whether the walk came to a service or to a muxer, as it does below each
	// router of a Traefik that is known here, unless there is a closure before it or another
	// plugin. End is the type that the walk ended at.
	Reached bool
	End     string
	// IsOwn reports whether the handler is Traefik's own ping or its HTTP-01 challenges, with
	// nothing in front of it.
	IsOwn bool
}

// ChildRouters returns the routers that a router's handler leads to. Traefik puts no entry
// point's middleware in front of them, and whoever can refer to another's router can hang one
// below it, which then takes its requests. The walk goes through every field of Traefik's handlers
// that is a handler, and through lists of what holds handlers, as a muxer's routes do. The handler
// of a router has its name in two places. What a closure holds it can't see.
func ChildRouters(next http.Handler) Children {
	w := &walk{}
	w.Unreadable = w.start(reflect.ValueOf(next)) != "" || w.Unreadable
	return w.Children
}

// start begins the walk at a router's handler, and returns why it could not be finished.
func (w *walk) start(next reflect.Value) (problem string) {
	defer recoverAs(&problem)
	w.IsOwn = isOwn(pointee(next))
	w.visit(next)
	return ""
}

// walk is a way through all handlers below a router.
type walk struct {
	Children
	// seen counts the handlers, and named how often a router's name was found.
	seen, named int
}

// visit looks at a handler, or at a route of a muxer, and at the handlers it passes requests to.
func (w *walk) visit(value reflect.Value) {
	handler := pointee(value)
	if w.seen == maxHandlers {
		w.Truncated = true
		return
	}
	w.seen++
	w.noteEnd(handler)
	if handler.Kind() != reflect.Struct || isService(handler.Type()) {
		return
	}
	w.addName(handler)
	routes, unnamed := 0, 0
	for i := 0; i < handler.NumField() && !w.Truncated; i++ {
		field := handler.Field(i)
		if isHandler(field.Type()) {
			w.visit(field)
		} else if holdsHandlers(field.Type()) {
			routes += field.Len()
			unnamed += w.visitRoutes(field)
		}
	}
	if isMuxer(handler.Type()) && isHandler(value.Type()) && (routes == 0 || unnamed > 0) {
		w.Unreadable = true
	}
}

// noteEnd notes the handler that the walk has come to.
func (w *walk) noteEnd(handler reflect.Value) {
	if w.Reached || !handler.IsValid() {
		return
	}
	t := handler.Type()
	w.Reached = isService(t) || isMuxer(t)
	w.End = t.String()
}

// visitRoutes visits the elements of a list, and returns how many of them lead to no router.
func (w *walk) visitRoutes(list reflect.Value) int {
	unnamed := 0
	for i := 0; i < list.Len() && !w.Truncated; i++ {
		before := w.named
		w.visit(list.Index(i))
		if w.named == before && !w.Truncated {
			unnamed++
		}
	}
	return unnamed
}

// addName adds the name that a router's handler has: in the one for traces, which has the rule as
// well, and in the one for the access log.
func (w *walk) addName(handler reflect.Value) {
	name := ""
	traced := handler.FieldByName("router")
	if traced.Kind() == reflect.String && handler.FieldByName("routerRule").IsValid() {
		name = traced.String()
	} else {
		name = loggedName(handler)
	}
	if name == "" {
		return
	}
	w.named++
	if last := len(w.Names) - 1; last < 0 || w.Names[last] != name {
		w.Names = append(w.Names, name)
	}
}

// loggedName returns what a handler adds to the access log as the router's name, "" for nothing: it
// has two texts, the name of the field and its value.
func loggedName(handler reflect.Value) string {
	isName, other := false, ""
	for i := 0; i < handler.NumField(); i++ {
		field := handler.Field(i)
		if field.Kind() != reflect.String {
			continue
		}
		if field.String() == "RouterName" {
			isName = true
		} else {
			other = field.String()
		}
	}
	if !isName {
		return ""
	}
	return other
}

// isMuxer reports whether a type is that of the muxers which choose a child router.
func isMuxer(t reflect.Type) bool {
	return t.Name() == "Muxer"
}

// isOwn reports whether a handler is one of Traefik's own that a request may always have: it
// answers for no tenant, whichever router leads to it.
func isOwn(handler reflect.Value) bool {
	if handler.Kind() != reflect.Struct || !strings.HasPrefix(handler.Type().PkgPath(), module) {
		return false
	}
	name := handler.Type().String()
	return name == "ping.Handler" || name == "acme.ChallengeHTTP"
}

// isService reports whether a type is that of a load balancer, below which there are servers and
// no routers: there may be any number.
func isService(t reflect.Type) bool {
	return strings.Contains(t.PkgPath(), "/server/service/")
}

// isHandler reports whether a type is http.Handler or implements it.
func isHandler(t reflect.Type) bool {
	if t.Kind() != reflect.Interface && t.Kind() != reflect.Pointer {
		return false
	}
	_, found := t.MethodByName("ServeHTTP")
	return found
}

// holdsHandlers reports whether a type is a list of structs, or pointers to some, with a handler
// in each.
func holdsHandlers(t reflect.Type) bool {
	if t.Kind() != reflect.Slice {
		return false
	}
	element := t.Elem()
	if element.Kind() == reflect.Pointer {
		element = element.Elem()
	}
	if element.Kind() != reflect.Struct {
		return false
	}
	for i := 0; i < element.NumField(); i++ {
		if isHandler(element.Field(i).Type) {
			return true
		}
	}
	return false
}
