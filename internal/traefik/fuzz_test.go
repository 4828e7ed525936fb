package traefik

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// The shapes of what a context may hold: what Traefik says of an Ingress with each request, and
// what may stand in place of it or of a logger.
type (
	saidMetadata  struct{ Metadata any }
	saidIngress   struct{ Ingress any }
	saidNamespace struct{ Namespace string }

	otherLogger struct{ context string }
	strange     struct {
		Context *strange
		val     any
	}
)

func ofIngress(namespace string) saidMetadata {
	return saidMetadata{saidIngress{saidNamespace{namespace}}}
}

// FuzzContextWalk puts values of all shapes into contexts of all kinds, one around the other, and
// compares what is found with what was put there last.
func FuzzContextWalk(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, "a_b_0@kubernetescrd")
	f.Add([]byte{7, 0, 3, 0, 9, 1, 12, 11}, `a","routerName":"b`)
	f.Add([]byte{1, 1, 1, 1, 8, 8, 2}, "")
	f.Fuzz(func(t *testing.T, kinds []byte, name string) {
		if len(kinds) > maxDepth/2 { // a context may be two values deep
			return
		}
		ctx := context.Background()
		router, namespace := "", ""
		for i, kind := range kinds {
			own := fmt.Sprintf("%x-%d", name, i)
			var end context.CancelFunc
			switch kind % 16 {
			case 0:
				ctx = withLogger(ctx, fmt.Sprintf(`{"routerName":%q`, own))
				router = own
			case 1:
				ctx = withLogger(ctx, name) // which may be anything
				if read := parseFields([]byte(name)); read.Name != "" {
					router = read.Name
				}
			case 2:
				ctx = context.WithValue(ctx, new(int), ofIngress(own))
				namespace = own
			case 3:
				said := &saidIngress{&saidNamespace{own}}
				ctx = context.WithValue(ctx, new(int), &saidMetadata{said})
				namespace = own
			case 4:
				ctx = context.WithValue(ctx, new(int), numbered{})
			case 5:
				ctx = context.WithValue(ctx, new(int), saidMetadata{(*saidIngress)(nil)})
			case 6:
				ctx = context.WithValue(ctx, loggerKey, (*logger)(nil))
			case 7:
				ctx = context.WithValue(ctx, loggerKey, &otherLogger{context: own})
			case 8:
				ctx = context.WithValue(ctx, new(int), &strange{val: &logger{}})
			case 9:
				ctx = context.WithValue(ctx, new(int), nil)
			case 10:
				ctx = context.WithValue(ctx, new(int), []any{ctx, kinds, nil})
			case 11:
				ctx, end = context.WithCancel(ctx)
				defer end()
			case 12:
				ctx, end = context.WithTimeout(ctx, time.Hour)
				defer end()
			case 13:
				ctx = struct{ context.Context }{ctx}
			case 14:
				ctx = &struct{ context.Context }{ctx}
			case 15:
				ctx = context.WithValue(ctx, new(int), ctx)
			}
		}
		if got := RouterOf(ctx).Name; got != router {
			t.Errorf("router %q, want %q", got, router)
		}
		if got := IngressNamespace(ctx); got != namespace {
			t.Errorf("namespace %q, want %q", got, namespace)
		}
	})
}
