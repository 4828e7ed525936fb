package kube

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func nothing(eventType string, object []byte) error {
	return nil
}

func watch(a *api, t *testing.T) ([]string, error) {
	t.Helper()
	var got []string
	each := func(eventType string, object []byte) error {
		got = append(got, eventType+" "+string(object))
		return nil
	}
	err := a.client(t).Watch(context.Background(), NamespacesPath, "42", each)
	return got, err
}

func TestWatch(t *testing.T) {
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) {
		write(rw, `{"type":"ADDED","object":{"n":1}}`+"\n")
		_ = http.NewResponseController(rw).Flush()
		write(rw, `{"type":"BOOKMARK","object":{"n":2}}`+"\n")
	})
	got, err := watch(a, t)
	want := `ADDED {"n":1},BOOKMARK {"n":2}`
	if strings.Join(got, ",") != want || err != nil {
		t.Errorf("%q, %v, want %s", got, err, want)
	}
	query := "allowWatchBookmarks=true&resourceVersion=42&timeoutSeconds=60&watch=1"
	if a.asked[0] != NamespacesPath+"?"+query {
		t.Errorf("asked %q", a.asked)
	}
}

func TestWatchErrors(t *testing.T) {
	event := func(kind, object string) string {
		return `{"type":"` + kind + `","object":` + object + "}\n"
	}
	const (
		expired = `{"kind":"Status","code":410,"reason":"Expired","message":"too old version"}`
		failed  = `{"kind":"Status","code":500,"reason":"InternalError"}`
		cut     = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
	)
	rows := []struct {
		description string
		answer      string
		want        error
		text        string
	}{
		{"expired", event("ERROR", expired), ErrGone,
			`410 Gone, reason "Expired", message "too old version"`},
		{"an error of the API", event("ERROR", failed), ErrUnavailable, "InternalError"},
		{"an error that is none", event("ERROR", `{"kind":"Secret","code":410}`),
			ErrUnavailable, ""},
		{"no JSON", "<html>\n", ErrUnavailable, "not an event"},
		{"no event", "{}\n", ErrUnavailable, "not an event"},
		{"a line that is too long", strings.Repeat(" ", maxEvent+1), ErrTooLarge, "an event"},
		{"one more that is too long", strings.Repeat(" ", maxEvent+1), ErrUnavailable,
			"at most"},
		{"cut off", cut, ErrUnavailable, "ended before"},
		{"cut off after the answer began", cut, ErrCut, "ended before"},
	}
	for _, row := range rows {
		a := serve(t, func(rw http.ResponseWriter, req *http.Request) {
			if row.answer == cut {
				hijack(rw, cut)
				return
			}
			write(rw, row.answer)
		})
		_, err := watch(a, t)
		if !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.text) {
			t.Errorf("%s: %v, want %v with %q", row.description, err, row.want, row.text)
		}
	}
}

func TestWatchRefused(t *testing.T) {
	for code, want := range map[int]error{
		http.StatusGone:                ErrGone,
		http.StatusForbidden:           ErrForbidden,
		http.StatusInternalServerError: ErrUnavailable,
	} {
		a := serve(t, func(rw http.ResponseWriter, req *http.Request) {
			refuse(rw, code, "Because", "of this")
		})
		_, err := watch(a, t)
		if !errors.Is(err, want) || errors.Is(err, ErrCut) ||
			!strings.Contains(err.Error(), "of this") {
			t.Errorf("%d: %v, want %v", code, err, want)
		}
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) {
		write(rw, `{"type":"ADDED","object":{}}`+"\n")
		_ = http.NewResponseController(rw).Flush()
		<-req.Context().Done()
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	c := a.client(t)
	c.timeout = time.Millisecond // a watch outlives the limit of other requests
	go func() {
		each := func(eventType string, object []byte) error {
			time.Sleep(20 * time.Millisecond)
			cancel()
			return nil
		}
		ended <- c.Watch(ctx, NamespacesPath, "1", each)
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want the context's error", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the watch did not end")
	}
}

func TestWatchEndsWithTheErrorOfItsReader(t *testing.T) {
	a := serve(t, func(rw http.ResponseWriter, req *http.Request) {
		write(rw, `{"type":"ADDED","object":{}}`+"\n"+`{"type":"ADDED","object":{}}`+"\n")
	})
	full := errors.New("full")
	count := 0
	each := func(eventType string, object []byte) error {
		count++
		return full
	}
	err := a.client(t).Watch(context.Background(), NamespacesPath, "1", each)
	if err != full || count != 1 {
		t.Errorf("%v after %d events", err, count)
	}
}
