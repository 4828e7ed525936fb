package generation

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/policy"
)

func TestEnter(t *testing.T) {
	tracker := NewTracker()
	if !tracker.Ended() {
		t.Error("a tracker without a generation has one that did not end")
	}
	first, cancel := context.WithCancel(context.Background())
	one, table, instance := Enter(tracker, first.Done(), "guard@file")
	if instance != nil || !tracker.Introduces(one) {
		t.Error("a middleware is known before it was introduced")
	}
	guard := &policy.Instance{}
	tracker.Introduce(one, "guard@file", guard)
	same, own, instance := Enter(tracker, context.WithValue(first, new(int), "router").Done(), "guard@file")
	if same != one || own == table || instance != guard {
		t.Error("a router of the same reload is in another generation, or shares another's table")
	}
	cancel()
	if !tracker.Ended() {
		t.Error("the generation did not end with its context")
	}
	second, cancelSecond := context.WithCancel(context.Background())
	defer cancelSecond()
	other, _, instance := Enter(tracker, second.Done(), "guard@file")
	if other == one || instance != nil || other.Observed == one.Observed {
		t.Error("the next reload has the same generation")
	}
	if tracker.Ended() {
		t.Error("the new generation has ended")
	}
}

func TestTableForgetsWithThePolicy(t *testing.T) {
	tracker := NewTracker()
	_, before, _ := Enter(tracker, nil, "guard@file")
	_, table, _ := Enter(tracker, nil, "guard@file")
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
	_, table, _ := Enter(tracker, nil, "guard@file")
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
	_, table, _ := Enter(tracker, nil, "guard@file")
	for i := 0; i < maxAllowed+10; i++ {
		table.Add(strconv.Itoa(i), "", 0, tracker.Epoch())
	}
	if len(table.Names) > maxAllowed {
		t.Errorf("%d entries, want at most %d", len(table.Names), maxAllowed)
	}
}
