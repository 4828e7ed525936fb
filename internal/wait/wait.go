// Package wait waits for channels without a select statement: the interpreter keeps the channels of
// one in a place that all goroutines share, so that one waits for what another has to wait for.
package wait

import (
	"context"
	"reflect"
	"time"
)

// First waits until one of two channels can be received from, does so, and reports whether it is
// the first one. A nil channel never can.
func First(one, other <-chan struct{}) bool {
	ready, _, _ := reflect.Select([]reflect.SelectCase{
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(one)},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(other)},
	})
	return ready == 0
}

// IsClosed reports whether a channel that nothing is sent on is closed.
func IsClosed(done <-chan struct{}) bool {
	received, _ := reflect.ValueOf(done).TryRecv()
	return received.IsValid()
}

// Sleep waits, and returns the error of ctx if that ends first.
func Sleep(ctx context.Context, pause time.Duration) error {
	over, cancel := context.WithTimeout(ctx, pause)
	defer cancel()
	<-over.Done()
	return ctx.Err()
}
