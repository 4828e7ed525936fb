package traefik

import (
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"time"
)

// nested wraps handlers into each other, as many as wanted with the innermost. They are of
// net/http: of the interpreter's own types the fields can't be read as those of Traefik's handlers.
func nested(handlers int) http.Handler {
	handler := http.NotFoundHandler()
	for i := 1; i < handlers; i++ {
		handler = http.TimeoutHandler(handler, time.Minute, "")
	}
	return handler
}

// TestChildrenAreCounted has a router lead to as many handlers as are looked at, and to one more.
func TestChildrenAreCounted(t *testing.T) {
	rows := []struct {
		description string
		next        http.Handler
		truncated   bool
	}{
		{"none", nil, false},
		{"one handler", nested(1), false},
		{"as many as are looked at", nested(1024), false},
		{"one more", nested(1025), true},
	}
	for _, row := range rows {
		got := ChildRouters(row.next)
		if got.Truncated != row.truncated || got.Unreadable || len(got.Names) > 0 {
			t.Errorf("%s: %+v, want truncated %t", row.description, got, row.truncated)
		}
	}
}

// The handlers below have the shapes of Traefik's, or of a Traefik that has renamed something. What
// is embedded makes a handler of them.
type (
	Muxer struct { // the only one of its name
		http.Handler
		routes []*route
		paths  []*path
		match  func(req *http.Request) http.Handler
	}
	muxer struct {
		http.Handler
		routes []*route
	}
	route struct{ handler http.Handler }
	path  struct{ to http.Handler }

	traced struct {
		http.Handler
		router, routerRule string
		next               http.Handler
	}
	renamedTraced struct {
		http.Handler
		routerName, rule string
		next             http.Handler
	}
	logged struct {
		http.Handler
		next        http.Handler
		name, value string
	}
	renamedLogged struct {
		http.Handler
		key, entry string
	}
)

// child returns the handler of a child router.
func child(name string, next http.Handler) http.Handler {
	return &traced{router: name, routerRule: "PathPrefix(`/`)", next: &logged{
		name: "RouterName", value: name, next: next,
	}}
}

// renamed returns that of a Traefik that has renamed the field which is read first.
func renamed(name string, next http.Handler) http.Handler {
	return &renamedTraced{routerName: name, rule: "PathPrefix(`/`)", next: &logged{
		name: "RouterName", value: name, next: next,
	}}
}

// routesTo returns the routes of a muxer to handlers.
func routesTo(handlers ...http.Handler) []*route {
	var routes []*route
	for _, handler := range handlers {
		routes = append(routes, &route{handler: handler})
	}
	return routes
}

func TestChildRouters(t *testing.T) {
	if interpreted() {
		t.Skip("Traefik's handlers can't be made in the interpreter; e2e uses the real ones")
	}
	leaf := http.NotFoundHandler()
	a, b := child("a@file", leaf), child("b@file", leaf)
	inner := &Muxer{routes: routesTo(a, b)}
	strange := &renamedTraced{routerName: "a@file", next: leaf}
	rows := []struct {
		description string
		next        http.Handler
		names       []string
		unreadable  bool
	}{
		{"no child", leaf, nil, false},
		{"no child, a field for the access log", &logged{name: "ServiceName", value: "a@file"},
			nil, false},
		{"two", inner, []string{"a@file", "b@file"}, false},
		{"behind a middleware", &logged{name: "x", value: "y", next: inner},
			[]string{"a@file", "b@file"}, false},
		{"below a child", &Muxer{routes: routesTo(child("c@file", inner), a)},
			[]string{"c@file", "a@file", "b@file", "a@file"}, false},
		{"no access log", &Muxer{routes: routesTo(&traced{router: "a@file"})},
			[]string{"a@file"}, false},
		{"the router's field is called otherwise",
			&Muxer{routes: routesTo(renamed("a@file", leaf))}, []string{"a@file"}, false},
		{"the access log's fields are called otherwise", &Muxer{routes: routesTo(
			&renamedLogged{key: "RouterName", entry: "a@file"})}, []string{"a@file"}, false},
		{"both are, in a way that can't be read", &Muxer{routes: routesTo(strange)}, nil, true},
		{"one of two can't be read", &Muxer{routes: routesTo(a, strange)},
			[]string{"a@file"}, true},
		{"one below a child can't be read", &Muxer{routes: routesTo(
			child("c@file", &Muxer{routes: routesTo(strange)}))}, []string{"c@file"}, true},
		{"a closure can't be read", &Muxer{routes: routesTo(a, leaf)}, []string{"a@file"}, true},
		{"the routes are called otherwise", &Muxer{paths: []*path{{to: a}, {to: b}}},
			[]string{"a@file", "b@file"}, false},
		{"the routes are not found", &Muxer{match: func(*http.Request) http.Handler { return a }},
			nil, true},
		{"no route", &Muxer{}, nil, true},
		{"a muxer of another name", &muxer{routes: routesTo(a)}, []string{"a@file"}, false},
		{"routes that lead to no router, as the dashboard's", &muxer{routes: routesTo(leaf, leaf)},
			nil, false},
	}
	for _, row := range rows {
		got := ChildRouters(row.next)
		want := Children{Names: row.names, Unreadable: row.unreadable}
		got.Reached = false
		got.End = ""
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", row.description, got, want)
		}
	}
}

// TestManyChildRouters has more children than are looked at.
func TestManyChildRouters(t *testing.T) {
	if interpreted() {
		t.Skip("Traefik's handlers can't be made in the interpreter; e2e uses the real ones")
	}
	many := &Muxer{}
	for i := 0; i < maxHandlers; i++ {
		many.routes = append(many.routes, &route{handler: child(fmt.Sprint(i), nil)})
	}
	handler := http.Handler(many)
	for i := 0; i < 4; i++ { // the walk ends at each handler of a child
		if got := ChildRouters(handler); !got.Truncated || got.Unreadable {
			t.Errorf("%d in front: truncated %t and unreadable %t, want the first",
				i, got.Truncated, got.Unreadable)
		}
		handler = http.TimeoutHandler(handler, time.Minute, "")
	}
}
