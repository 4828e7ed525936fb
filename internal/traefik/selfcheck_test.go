package traefik

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// TestNoRouterName looks at what is said of contexts without the router's name.
func TestNoRouterName(t *testing.T) {
	rows := []struct {
		description string
		ctx         context.Context
		want        string
		compiled    bool
	}{
		{"nothing", context.Background(), "no values", false},
		{"another value", context.WithValue(context.Background(), loggerKey, "x"), "no logger",
			false},
		{"a logger without the field", withLogger(context.Background(), `{"x":"y"`),
			"no field routerName", true},
		{"a logger behind another value", context.WithValue(
			withLogger(context.Background(), `{"x":"y"`), new(int), "x"), "no field routerName",
			true},
	}
	for _, row := range rows {
		if row.compiled && interpreted() {
			continue // a logger can't be made in the interpreter
		}
		if got := NoRouterName(row.ctx); !strings.Contains(got, row.want) {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

// TestConsequences wants something be said of every check.
func TestConsequences(t *testing.T) {
	for _, check := range Checks() {
		if Consequence(check) == "" {
			t.Errorf("%s: no consequence", check)
		}
	}
	if len(Checks()) != len(consequences) {
		t.Error("there are consequences of no check")
	}
}

// TestWhatIsRenamed has package reflect be asked for what is there no more.
func TestWhatIsRenamed(t *testing.T) {
	type server struct{ Listeners map[*int]bool }
	address, problem := addressIn(reflect.ValueOf(server{}))
	if address != "" || !strings.Contains(problem, "reading it failed") {
		t.Errorf("a server without listeners: %q, %q", address, problem)
	}
	type empty struct{ Port int }
	if got, problem := tcpProblem(reflect.ValueOf(empty{Port: 1})); got != "" || problem == "" {
		t.Errorf("an address without an IP: %q, %q", got, problem)
	}
}

func tcpProblem(value reflect.Value) (address, problem string) {
	defer recoverAs(&problem)
	return tcpAddress(value), ""
}

// TestWhereTheWalkEnds looks at what handlers below a router lead to.
func TestWhereTheWalkEnds(t *testing.T) {
	if interpreted() {
		t.Skip("Traefik's handlers can't be made in the interpreter; e2e uses the real ones")
	}
	leaf := http.NotFoundHandler()
	rows := []struct {
		description string
		next        http.Handler
		reached     bool
		end         string
	}{
		{"nothing", nil, false, ""},
		{"a closure", leaf, false, "http.HandlerFunc"},
		{"a muxer", &Muxer{routes: routesTo(child("a@file", leaf))}, true, "traefik.Muxer"},
		{"a muxer behind a middleware", &logged{name: "x", value: "y",
			next: &Muxer{routes: routesTo(child("a@file", leaf))}}, true, "traefik.Muxer"},
		{"what is not known", &logged{name: "x", value: "y"}, false, "traefik.logged"},
		{"a closure behind what is not known", &logged{name: "x", value: "y", next: leaf}, false,
			"http.HandlerFunc"},
	}
	for _, row := range rows {
		got := ChildRouters(row.next)
		if got.Reached != row.reached || got.End != row.end || got.IsOwn {
			t.Errorf("%s: %+v, want reached %t, end %q", row.description, got, row.reached, row.end)
		}
	}
}

// TestNoNamespace wants a problem where there is no namespace.
func TestNoNamespace(t *testing.T) {
	if got := NoNamespace("acme"); got != "" {
		t.Errorf("%q, want nothing", got)
	}
	if NoNamespace("") == "" {
		t.Error("no problem, want one")
	}
}
