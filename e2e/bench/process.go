package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"

	"github.com/tenantguard/tenantguard/e2e/flood"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// runLoads does what the loads on standard input say, and prints what came of them.
func runLoads() {
	var loads []flood.Load
	err := json.NewDecoder(os.Stdin).Decode(&loads)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(flood.Run(context.Background(), loads...))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// send has another process send loads to a Traefik, so that no client is in the way of the backends
// in this one.
func send(t lab.T, tr *lab.Traefik, loads ...flood.Load) []flood.Result {
	t.Helper()
	for i := range loads {
		loads[i].Address = tr.Addr("websecure")
	}
	program, err := os.Executable()
	lab.Fatal(t, err, "finding this program")
	command := exec.CommandContext(t.Context(), program, "load")
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	lab.Fatal(t, err, "making a pipe")
	output, err := command.StdoutPipe()
	lab.Fatal(t, err, "making a pipe")
	lab.Fatal(t, command.Start(), "starting clients")
	lab.Fatal(t, json.NewEncoder(input).Encode(loads), "writing loads")
	lab.Fatal(t, input.Close(), "writing loads")
	var results []flood.Result
	lab.Fatal(t, json.NewDecoder(output).Decode(&results), "reading what came of loads")
	lab.Fatal(t, command.Wait(), "running clients")

	return results
}

// measured is what came of a load, and what it cost Traefik.
type measured struct {
	flood.Result

	// cpu is the time of Traefik's for one answer, in nanoseconds.
	cpu float64
}

// perSecond returns how many answers there were in a second.
func (m *measured) perSecond() float64 { return float64(m.Total()) / m.Elapsed.Seconds() }

// measure sends one load, all of which must be answered with a status.
func measure(t lab.T, tr *lab.Traefik, status int, load flood.Load) measured {
	t.Helper()
	before := tr.Usage(t)
	result := send(t, tr, load)[0]
	spent := tr.Usage(t).CPU - before.CPU
	if result.Answers[status] != result.Total() || result.Failed > 0 || result.Total() == 0 {
		t.Errorf("%s: answers %v, want status %d alone; %d failed: %s", load.Host, result.Answers,
			status, result.Failed, result.Problem)
		t.FailNow()
	}

	return measured{Result: result, cpu: float64(spent) / float64(result.Total())}
}
