package report

import "fmt"

// routersLine is a line about routers that no guard is in front of.
type routersLine struct {
	Event       string   `json:"event"`
	Level       string   `json:"level"`
	Message     string   `json:"message"`
	Routers     []string `json:"routers,omitempty"`
	EntryPoints []string `json:"entryPoints,omitempty"`
}

// maxRouters bounds the routers of a line.
const maxRouters = 20

// Unguarded writes that routers are on an entry point whose guard is not in front of them. total
// counts them, of which names may be some.
func (l *Log) Unguarded(names []string, total int) {
	if len(names) > maxRouters {
		names = names[:maxRouters]
	}
	bounds := make([]string, 0, len(names))
	for _, name := range names {
		bounds = append(bounds, bounded(name))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write(routersLine{Event: "warning", Level: "warn", Routers: bounds, Message: fmt.Sprintf(
		"%d routers are on an entry point with a guard that is not in front of them: "+
			"their requests pass unguarded", total)})
}

// OpenEntryPoints writes that entry points with routers have no guard.
func (l *Log) OpenEntryPoints(names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write(routersLine{Event: "warning", Level: "warn", EntryPoints: names,
		Message: "these entry points have no guard, and routers without one: " +
			"guard them, or see that tenants can't use them"})
}
