package report

import (
	"testing"
	"time"
)

// TestSelfCheck looks at the lines of a check that fails and is good again.
func TestSelfCheck(t *testing.T) {
	const rest = `"version":"` + Version + `","traefik":"3.8.0"}`
	rows := []struct {
		description string
		check       SelfCheck
		want        string
	}{
		{"failed", SelfCheck{"listener", StateFailed, "no listener", "all is denied"},
			`{"event":"self-check","level":"error","check":"listener","state":"failed",` +
				`"message":"the self-check failed: the guard does not know this Traefik",` +
				`"detail":"no listener","consequence":"all is denied",` + rest},
		{"good again", SelfCheck{"listener", StateOK, "", ""},
			`{"event":"self-check","level":"info","check":"listener","state":"ok",` +
				`"message":"the self-check is good again",` + rest},
	}
	for _, row := range rows {
		log, out := newTestLog(time.Minute)
		log.SelfCheck(row.check, "3.8.0")
		if got := out.lines(); len(got) != 1 || got[0] != row.want {
			t.Errorf("%s: lines %s, want %s", row.description, got, row.want)
		}
	}
}
