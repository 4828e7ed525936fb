package wait

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

func TestFirst(t *testing.T) {
	full := make(chan struct{}, 1)
	full <- struct{}{}
	late := make(chan struct{})
	time.AfterFunc(10*time.Millisecond, func() { close(late) })
	rows := []struct {
		description string
		one, other  chan struct{}
		want        bool
	}{
		{"the first is closed", closed(), make(chan struct{}), true},
		{"the second is closed", make(chan struct{}), closed(), false},
		{"something is sent on the first", full, make(chan struct{}), true},
		{"the first is closed later", late, make(chan struct{}), true},
		{"the first is nil", nil, closed(), false},
		{"the second is nil", closed(), nil, true},
	}
	for _, row := range rows {
		if got := First(row.one, row.other); got != row.want {
			t.Errorf("%s: %t, want %t", row.description, got, row.want)
		}
	}
	if len(full) != 0 {
		t.Error("what was sent is not received")
	}
}

func TestIsClosed(t *testing.T) {
	if IsClosed(make(chan struct{})) || IsClosed(nil) || !IsClosed(closed()) {
		t.Error("a channel is taken to be closed, or not to be, and is not")
	}
}

func TestSleep(t *testing.T) {
	began := time.Now()
	if err := Sleep(context.Background(), 20*time.Millisecond); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < 20*time.Millisecond || took > 10*time.Second {
		t.Errorf("it sleeps for %s", took)
	}
	began = time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := Sleep(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the error of the context", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it sleeps for %s, and its context has ended", took)
	}
	if err := Sleep(context.Background(), -1); err != nil {
		t.Error(err)
	}
}

// TestFirstOfMany has many wait at a time, some of them for what is closed and some of them for
// what is not.
func TestFirstOfMany(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	wrong := &atomic.Int64{}
	var all sync.WaitGroup
	for i := 0; i < 4; i++ {
		all.Add(2)
		go waitOften(ctx, &all, wrong, closed(), make(chan struct{}), true)
		go waitOften(ctx, &all, wrong, make(chan struct{}), closed(), false)
	}
	all.Wait()
	if got := wrong.Load(); got > 0 {
		t.Errorf("%d waited for another's channels", got)
	}
}

func waitOften(
	ctx context.Context, all *sync.WaitGroup, wrong *atomic.Int64, one, other chan struct{},
	want bool,
) {
	defer all.Done()
	for ctx.Err() == nil {
		if First(one, other) != want || IsClosed(one) != want {
			wrong.Add(1)
		}
	}
}
