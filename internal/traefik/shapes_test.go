package traefik

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// The types below have some of the fields that are looked for, and lack others.
type (
	withNumbers struct{ context []int }
	withText    struct{ context string }
	withNothing struct {
		//lint:ignore U1000 it is looked at by reflection
		other []byte
	}

	withoutRule struct {
		router string
		next   http.Handler
	}
	withNumber struct {
		router int
		//lint:ignore U1000 it is looked at by reflection
		routerRule string
	}
	withPointer struct{ next *traced }
)

func (h *withoutRule) ServeHTTP(rw http.ResponseWriter, req *http.Request) {}
func (h *withNumber) ServeHTTP(rw http.ResponseWriter, req *http.Request)  {}
func (h *withPointer) ServeHTTP(rw http.ResponseWriter, req *http.Request) {}

// TestLoggersOfOtherShapes has other values than Traefik's logger in front of it.
func TestLoggersOfOtherShapes(t *testing.T) {
	if interpreted() {
		t.Skip("a logger can't be made in the interpreter; e2e/loader uses the real one")
	}
	want := Router{Name: "a@file", EntryPoint: "web"}
	below := withLogger(context.Background(), `{"entryPointName":"web","routerName":"a@file"`)
	values := []any{
		&withNumbers{[]int{1}}, &withText{"x"}, &withNothing{}, "x", 1, []byte("x"), (*logger)(nil),
	}
	for _, value := range values {
		if got := RouterOf(context.WithValue(below, loggerKey, value)); got != want {
			t.Errorf("behind a %T: %+v, want %+v", value, got, want)
		}
	}
	onlyEntryPoint := withLogger(context.Background(), `{"entryPointName":"web"`)
	if got := RouterOf(onlyEntryPoint); got != (Router{}) {
		t.Errorf("an entry point without a router: %+v, want none", got)
	}
}

// counted has the shape of the handler that adds a field to the access log, with others beside it.
type counted struct {
	//lint:ignore U1000 it is looked at by reflection
	next        http.Handler
	name, value string
	//lint:ignore U1000 it is looked at by reflection
	number int
}

func (h *counted) ServeHTTP(rw http.ResponseWriter, req *http.Request) {}

func TestLoggedNames(t *testing.T) {
	if interpreted() {
		t.Skip("Traefik's handlers can't be made in the interpreter; e2e uses the real ones")
	}
	rows := []struct {
		description string
		handler     counted
		want        string
	}{
		{"a router", counted{name: "RouterName", value: "a@file"}, "a@file"},
		{"the other way round", counted{name: "a@file", value: "RouterName"}, "a@file"},
		{"a service", counted{name: "ServiceName", value: "a@file"}, ""},
		{"nothing", counted{}, ""},
	}
	for _, row := range rows {
		handler := row.handler
		if got := strings.Join(ChildRouters(&handler).Names, " "); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

// TestDeepContexts has a logger below as many other values as are looked at, and one more.
func TestDeepContexts(t *testing.T) {
	if interpreted() {
		t.Skip("a logger can't be made in the interpreter; e2e/loader uses the real one")
	}
	rows := []struct {
		description string
		above       int
		want        string
	}{
		{"as deep as is looked", 63, "a@file"},
		{"one deeper", 64, ""},
	}
	for _, row := range rows {
		ctx := withLogger(context.Background(), `{"routerName":"a@file"`)
		for i := 0; i < row.above; i++ {
			ctx = context.WithValue(ctx, loggerKey, "x")
		}
		if got := RouterOf(ctx).Name; got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

// TestHandlersOfOtherShapes has handlers that look like a child router.
func TestHandlersOfOtherShapes(t *testing.T) {
	if interpreted() {
		t.Skip("Traefik's handlers can't be made in the interpreter; e2e uses the real ones")
	}
	child := &traced{router: "a@file"}
	rows := []struct {
		description string
		next        http.Handler
		want        string
	}{
		{"a child", child, "a@file"},
		{"a name without a rule", &withoutRule{router: "b@file"}, ""},
		{"a child behind a name without a rule", &withoutRule{router: "b@file", next: child},
			"a@file"},
		{"a name that is a number", &withNumber{router: 1}, ""},
		{"a child behind a pointer", &withPointer{next: child}, "a@file"},
		{"a nil pointer", &withPointer{}, ""},
	}
	for _, row := range rows {
		got := ChildRouters(row.next)
		if strings.Join(got.Names, " ") != row.want || got.Truncated || got.Unreadable {
			t.Errorf("%s: %+v, want %q", row.description, got, row.want)
		}
	}
}

// The types below have the shapes of Traefik's listeners.
type (
	wrapped   struct{ net.Listener }
	keepAlive struct{ *net.TCPListener }
	inField   struct{ TCPListener *net.TCPListener }
	noAddress struct{ fd *struct{ laddr net.Addr } }
)

// wrap wraps a listener a number of times.
func wrap(listener net.Listener, times int) net.Listener {
	for i := 0; i < times; i++ {
		listener = &wrapped{listener}
	}
	return listener
}

func TestWrappedListeners(t *testing.T) {
	if interpreted() {
		t.Skip("Traefik's listeners can't be made in the interpreter; e2e uses the real ones")
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tcp.Close() }()
	unix, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close() }()
	address := tcp.Addr().String()
	rows := []struct {
		description string
		listener    any
		want        string
	}{
		{"TCP", tcp, address},
		{"kept alive", keepAlive{tcp.(*net.TCPListener)}, address},
		{"in a field", inField{tcp.(*net.TCPListener)}, address},
		{"kept alive and wrapped", &wrapped{keepAlive{tcp.(*net.TCPListener)}}, address},
		{"wrapped as often as is looked at", wrap(tcp, 15), address},
		{"wrapped once more", wrap(tcp, 16), ""},
		{"a wrapped nil", &wrapped{}, ""},
		{"no listener", &withNothing{}, ""},
		{"a socket of Unix", unix, ""},
		{"no address", &noAddress{fd: &struct{ laddr net.Addr }{}}, ""},
		{"no file", &noAddress{}, ""},
	}
	for _, row := range rows {
		if got := listenerAddress(reflect.ValueOf(row.listener)); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}

// The types below have the shapes of what Traefik says of an Ingress.
type (
	observability struct{ Metadata *metadata }
	metadata      struct{ Ingress *ingress }
	ingress       struct{ Namespace string }
	numbered      struct {
		Metadata struct{ Ingress struct{ Namespace int } }
	}
)

func TestIngressNamespace(t *testing.T) {
	if interpreted() {
		t.Skip("the decision vectors say an Ingress's namespace in the interpreter")
	}
	of := func(namespace string) observability {
		return observability{Metadata: &metadata{Ingress: &ingress{Namespace: namespace}}}
	}
	rows := []struct {
		description string
		// values are those of the context, the outermost first.
		values []any
		want   string
	}{
		{"nothing", nil, ""},
		{"a namespace", []any{of("acme")}, "acme"},
		{"behind a pointer", []any{&observability{of("acme").Metadata}}, "acme"},
		{"the innermost of two", []any{of("outer"), of("inner")}, "inner"},
		{"behind an empty one", []any{of("acme"), of("")}, "acme"},
		{"behind other values",
			[]any{of("acme"), "x", 1, observability{}, observability{&metadata{}}, numbered{},
				(*observability)(nil), ingress{Namespace: "x"}},
			"acme"},
	}
	for _, row := range rows {
		ctx := context.Background()
		for _, value := range row.values {
			ctx = context.WithValue(ctx, loggerKey, value)
		}
		if got := IngressNamespace(ctx); got != row.want {
			t.Errorf("%s: %q, want %q", row.description, got, row.want)
		}
	}
}
