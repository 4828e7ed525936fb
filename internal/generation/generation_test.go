package generation

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestBegin(t *testing.T) {
	tracker := NewTracker()
	if !tracker.Ended() {
		t.Error("a tracker without a generation has one that did not end")
	}
	first, cancel := context.WithCancel(context.Background())
	one := tracker.Begin(first.Done())
	cancel()
	if !tracker.Ended() {
		t.Error("the generation did not end with its context")
	}
	second, cancelSecond := context.WithCancel(context.Background())
	defer cancelSecond()
	if other := tracker.Begin(second.Done()); other == one || other.Observed == one.Observed {
		t.Error("the next reload has the same generation")
	}
	if tracker.Ended() {
		t.Error("the new generation has ended")
	}
}

// newTable is the table of a router in a generation of its own.
func newTable(tracker *Tracker) *Table {
	return tracker.Table(tracker.Begin(nil), &sync.RWMutex{}, map[string]string{})
}

func TestTableForgetsWithThePolicy(t *testing.T) {
	tracker := NewTracker()
	before := newTable(tracker)
	table := newTable(tracker)
	epoch := tracker.Epoch()
	before.Add("a.example.com", "a.example.com", 0, epoch)
	table.Add("a.example.com", "a.example.com", 0, epoch)
	tracker.PolicyChanged()
	if before.Has("a.example.com") || table.Has("a.example.com") {
		t.Error("what the old policy allowed is still allowed")
	}
	table.Add("a.example.com", "a.example.com", 0, epoch)
	if table.Has("a.example.com") {
		t.Error("what was judged by the old policy is remembered under the new one")
	}
	table.Add("a.example.com", "a.example.com", 0, tracker.Epoch())
	if !table.Has("a.example.com") {
		t.Error("what was judged by the new policy is not remembered")
	}
}

func TestTableForgetsAfterTheLifetime(t *testing.T) {
	tracker := NewTracker()
	table := newTable(tracker)
	table.Add("a.example.com", "a.example.com", 20*time.Millisecond, tracker.Epoch())
	table.Add("b.example.com", "b.example.com", 0, tracker.Epoch())
	deadline := time.Now().Add(5 * time.Second)
	for table.Has("a.example.com") {
		if time.Now().After(deadline) {
			t.Fatal("the entry outlived its lifetime")
		}
		time.Sleep(time.Millisecond)
	}
	if !table.Has("b.example.com") {
		t.Error("an entry without a lifetime was forgotten")
	}
}

func TestTableIsBounded(t *testing.T) {
	tracker := NewTracker()
	table := newTable(tracker)
	for i := 0; i < maxAllowed+10; i++ {
		table.Add(strconv.Itoa(i), "", 0, tracker.Epoch())
	}
	if len(table.names) > maxAllowed {
		t.Errorf("%d entries, want at most %d", len(table.names), maxAllowed)
	}
}
