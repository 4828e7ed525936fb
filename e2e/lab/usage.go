package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Usage is what a process has used of the machine.
type Usage struct {
	// CPU is the time of all its threads, in the kernel too.
	CPU time.Duration
	// Resident is the memory it has, and Proportional the same with each page that it shares with
	// other processes, such as those of its program, divided among them. Both are in bytes.
	Resident, Proportional float64
}

// tick is the unit of times in /proc, on all of Linux.
const tick = 10 * time.Millisecond

// UsageOf returns what a process has used until now.
func UsageOf(t T, pid int) Usage {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	Fatal(t, err, "reading the time of a process")
	memory, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	Fatal(t, err, "reading the memory of a process")
	usage, err := parseUsage(string(stat), string(memory))
	Fatal(t, err, "reading what a process uses")

	return usage
}

// parseUsage reads /proc/PID/stat and /proc/PID/smaps_rollup. See proc(5).
func parseUsage(stat, memory string) (u Usage, err error) {
	// The program's name is in parentheses, and may have spaces in it.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const user, system = 14 - 3, 15 - 3
	if len(fields) <= system {
		return u, fmt.Errorf("stat is %q, want 15 fields and more", stat)
	}
	for _, field := range []int{user, system} {
		ticks, err := strconv.Atoi(fields[field])
		if err != nil {
			return u, err
		}
		u.CPU += time.Duration(ticks) * tick
	}
	for line := range strings.Lines(memory) {
		var kib float64
		if _, err := fmt.Sscanf(line, "Rss: %f kB", &kib); err == nil {
			u.Resident = kib * 1024
		}
		if _, err := fmt.Sscanf(line, "Pss: %f kB", &kib); err == nil {
			u.Proportional = kib * 1024
		}
	}
	if u.Resident == 0 || u.Proportional == 0 {
		return u, fmt.Errorf("smaps_rollup is %q, want lines with Rss and Pss", memory)
	}

	return u, nil
}

// Usage returns what Traefik has used until now.
func (tr *Traefik) Usage(t T) Usage {
	t.Helper()
	return UsageOf(t, tr.process.Pid)
}

// Heap returns the bytes on Traefik's heap that are in use, after a collection of the rest. The
// static configuration must have api.debug.
func (tr *Traefik) Heap(t T) float64 {
	t.Helper()
	tr.API(t, "/debug/pprof/heap?gc=1")
	var variables struct {
		MemStats struct{ HeapAlloc float64 } `json:"memstats"`
	}
	Fatal(t, json.Unmarshal([]byte(tr.API(t, "/debug/vars")), &variables), "reading /debug/vars")

	return variables.MemStats.HeapAlloc
}
