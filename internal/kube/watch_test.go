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
	err := a.client(t).Watch(context.Background(), "/api/v1/namespaces", "42", func(eventType string, object []byte) error {
		got = append(got, eventType+" "+string(object))
		return nil
	})
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
	if a.asked[0] != "/api/v1/namespaces?allowWatchBookmarks=true&resourceVersion=42&timeoutSeconds=60&watch=1" {
		t.Errorf("asked %q", a.asked)
	}
}

func TestWatchErrors(t *testing.T) {
	rows := []struct {
		answer func(rw http.ResponseWriter, req *http.Request)
		want   error
		text   string
	}{
		{func(rw http.ResponseWriter, req *http.Request) {
			refuse(rw, http.StatusGone, "Expired", "too old resource version")
		}, ErrGone, "too old"},
		{func(rw http.ResponseWriter, req *http.Request) {
			write(rw, `{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}}`+"\n")
		}, ErrGone, `410 Gone, reason "Expired", message "too old resource version"`},
		{func(rw http.ResponseWriter, req *http.Request) {
			write(rw, `{"type":"ERROR","object":{"kind":"Status","code":500,"reason":"InternalError"}}`+"\n")
		}, ErrUnavailable, "InternalError"},
		{func(rw http.ResponseWriter, req *http.Request) {
			write(rw, `{"type":"ERROR","object":{"kind":"Secret","code":410}}`+"\n")
		}, ErrUnavailable, ""},
		{func(rw http.ResponseWriter, req *http.Request) { write(rw, "<html>\n") }, ErrUnavailable, "not an event"},
		{func(rw http.ResponseWriter, req *http.Request) { write(rw, "{}\n") }, ErrUnavailable, "not an event"},
		{func(rw http.ResponseWriter, req *http.Request) { write(rw, strings.Repeat(" ", maxEvent+1)) }, ErrTooLarge, ""},
		{func(rw http.ResponseWriter, req *http.Request) {
			hijack(rw, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
		}, ErrUnavailable, "ended before"},
		{func(rw http.ResponseWriter, req *http.Request) {
			hijack(rw, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
		}, ErrCut, "ended before"},
		{func(rw http.ResponseWriter, req *http.Request) { refuse(rw, http.StatusForbidden, "Forbidden", "") }, ErrForbidden, ""},
	}
	for i, row := range rows {
		a := serve(t, row.answer)
		if _, err := watch(a, t); !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.text) {
			t.Errorf("answer %d: %v, want %v with %q", i, err, row.want, row.text)
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
		ended <- c.Watch(ctx, "/api/v1/namespaces", "1", func(eventType string, object []byte) error {
			time.Sleep(20 * time.Millisecond)
			cancel()
			return nil
		})
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
	err := a.client(t).Watch(context.Background(), "/api/v1/namespaces", "1", func(eventType string, object []byte) error {
		count++
		return full
	})
	if err != full || count != 1 {
		t.Errorf("%v after %d events", err, count)
	}
}
