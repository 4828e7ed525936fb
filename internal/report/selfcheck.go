package report

// SelfCheck is what came of a check that something read from Traefik is where it is looked for.
type SelfCheck struct {
	Check string `json:"check"`
	// State is StateOK, StateFailed, or StateUnknown where no router has shown it since the reload.
	State string `json:"state"`
	// Detail is what was found, and Consequence what follows, both "" unless it failed.
	Detail      string `json:"detail,omitempty"`
	Consequence string `json:"consequence,omitempty"`
}

// The states of a SelfCheck.
const (
	StateOK      = "ok"
	StateFailed  = "failed"
	StateUnknown = "unknown"
)

// selfCheckLine is a line about a check that failed or is good again.
type selfCheckLine struct {
	Event       string `json:"event"`
	Level       string `json:"level"`
	Check       string `json:"check"`
	State       string `json:"state"`
	Message     string `json:"message"`
	Detail      string `json:"detail,omitempty"`
	Consequence string `json:"consequence,omitempty"`
	Version     string `json:"version"`
	Traefik     string `json:"traefik"`
}

// SelfCheck writes a line about a check. traefik is Traefik's version.
func (l *Log) SelfCheck(c SelfCheck, traefik string) {
	line := selfCheckLine{
		Event: "self-check", Level: levelInfo, Check: c.Check, State: c.State,
		Message: "the self-check is good again", Detail: bounded(c.Detail),
		Consequence: c.Consequence, Version: Version, Traefik: traefik,
	}
	if c.State == StateFailed {
		line.Level = levelError
		line.Message = "the self-check failed: the guard does not know this Traefik"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write(line)
}
