package flight

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	errUnfinished = errors.New("unfinished")
	errFailed     = errors.New("failed")
)

func nothing(err error) {}

func fails(err error) { panic("end") }

// TestRun has the work and its end come about in all ways.
func TestRun(t *testing.T) {
	rows := []struct {
		description string
		work        func() error
		end         func(err error)
		want        error
	}{
		{"success", func() error { return nil }, nothing, nil},
		{"failure", func() error { return errFailed }, nothing, errFailed},
		{"a panic", func() error { panic("work") }, nothing, errUnfinished},
		{"a panic at the end", func() error { return nil }, fails, nil},
		{"a panic at the end of a failure", func() error { return errFailed }, fails, errFailed},
		{"two panics", func() error { panic("work") }, fails, errUnfinished},
	}
	for _, row := range rows {
		c := NewCall(time.Now(), errUnfinished)
		if !c.Running() {
			t.Errorf("%s: it has ended before it ran", row.description)
		}
		passed := errors.New("none")
		running := false
		c.Run(row.work, func(err error) {
			passed = err
			running = c.Running()
			row.end(err)
		})
		if c.Err() != row.want || passed != row.want {
			t.Errorf("%s: %v, at its end %v, want %v", row.description, c.Err(), passed, row.want)
		}
		if !running || c.Running() {
			t.Errorf("%s: running %t before its end and %t after it",
				row.description, running, c.Running())
		}
		if err := c.Wait(context.Background()); err != nil {
			t.Errorf("%s: waiting fails after the end: %v", row.description, err)
		}
	}
}

func TestBegan(t *testing.T) {
	began := time.Unix(7, 0)
	if c := NewCall(began, errUnfinished); !c.Began.Equal(began) {
		t.Errorf("began %s, want %s", c.Began, began)
	}
}

// TestWait has many wait for one call that fails, and read what it found.
func TestWait(t *testing.T) {
	c := NewCall(time.Now(), errUnfinished)
	found := 0
	var all sync.WaitGroup
	for i := 0; i < 20; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			err := c.Wait(context.Background())
			if err != nil || c.Err() != errFailed || found != 42 {
				t.Errorf("%v, %v, %d, want the call's end and what it found", err, c.Err(), found)
			}
		}()
	}
	time.Sleep(20 * time.Millisecond) // until they wait
	c.Run(func() error {
		found = 41
		return errFailed
	}, func(err error) { found++ })
	all.Wait()
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	c := NewCall(time.Now(), errUnfinished)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Wait(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the error of the context", err)
	}
	late, stop := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer stop()
	if err := c.Wait(late); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the error of the context", err)
	}
	if !c.Running() {
		t.Error("the call has ended with one who waited")
	}
}

// TestWaitingOfOthers has many wait for calls that have ended, and many until their time is over.
// In the interpreter all goroutines have one place for the channels of a select statement.
func TestWaitingOfOthers(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	over, end := context.WithCancel(context.Background())
	end()
	wrong := &atomic.Int64{}
	var all sync.WaitGroup
	for i := 0; i < 4; i++ {
		all.Add(2)
		go waitOften(ctx, &all, wrong, context.Background(), true)
		go waitOften(ctx, &all, wrong, over, false)
	}
	all.Wait()
	if got := wrong.Load(); got > 0 {
		t.Errorf("%d had the end of another's waiting", got)
	}
}

// waitOften waits with a context until ctx ends, for calls that have ended or that have not.
func waitOften(
	ctx context.Context, all *sync.WaitGroup, wrong *atomic.Int64, with context.Context, ended bool,
) {
	defer all.Done()
	for ctx.Err() == nil {
		c := NewCall(time.Now(), errUnfinished)
		if ended {
			c.Run(func() error { return nil }, nothing)
		}
		if (c.Wait(with) == nil) != ended || c.Running() == ended {
			wrong.Add(1)
		}
	}
}
