package traefik

import (
	"context"
	"reflect"
	"testing"
)

// logger has the shape of a zerolog.Logger.
type logger struct {
	context []byte
}

var loggerKey = new(int)

func withLogger(ctx context.Context, fields string) context.Context {
	return context.WithValue(ctx, loggerKey, &logger{context: []byte(fields)})
}

// interpreted tells that yaegi runs this test: it gives a struct's fields other names, so that a
// logger made here is none.
func interpreted() bool {
	return reflect.TypeOf(logger{}).Name() == ""
}

func TestRouterOf(t *testing.T) {
	if interpreted() {
		t.Skip("a logger can't be made in the interpreter; e2e/loader uses the real one")
	}
	contexts := []struct {
		description string
		ctx         context.Context
		want        Router
	}{
		{"nothing", context.Background(), Router{}},
		{"entry point and router", withLogger(context.Background(),
			`{"entryPointName":"websecure","routerName":"a_b_0@kubernetescrd"`),
			Router{Name: "a_b_0@kubernetescrd", EntryPoint: "websecure"}},
		{"the innermost of two", withLogger(context.Background(),
			`{"entryPointName":"web","routerName":"outer@file","routerName":"inner@file"`),
			Router{Name: "inner@file", EntryPoint: "web"}},
		{"below other values",
			context.WithValue(withLogger(context.Background(), `{"routerName":"a@file"`),
				new(int), "x"),
			Router{Name: "a@file"}},
		{"the nearer logger",
			withLogger(withLogger(context.Background(), `{"routerName":"far@file"`),
				`{"routerName":"near@file"`),
			Router{Name: "near@file"}},
		{"a logger without a router in front",
			withLogger(withLogger(context.Background(), `{"routerName":"a@file"`), `{"x":"y"`),
			Router{Name: "a@file"}},
		{"a name that imitates fields", withLogger(context.Background(),
			`{"routerName":"a\",\"routerName\":\"b@file"`),
			Router{Name: `a","routerName":"b@file`}},
		{"no JSON", withLogger(context.Background(), `routerName=a@file`), Router{}},
		{"fields of other types", withLogger(context.Background(), `{"routerName":1`), Router{}},
	}
	for _, c := range contexts {
		cancelled, cancel := context.WithCancel(c.ctx)
		defer cancel()
		if got := RouterOf(c.ctx); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.description, got, c.want)
		}
		if got := RouterOf(cancelled); got != c.want {
			t.Errorf("%s, below a cancel context: %+v, want %+v", c.description, got, c.want)
		}
	}
}

func FuzzParseFields(f *testing.F) {
	f.Add([]byte(`{"entryPointName":"websecure","routerName":"a_b_0@kubernetescrd"`))
	f.Add([]byte(`{"routerName":1`))
	f.Fuzz(func(t *testing.T, fields []byte) {
		before := string(fields)
		parseFields(fields)
		if string(fields) != before {
			t.Error("the logger's fields were changed")
		}
	})
}
