package guard

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/traefik"
	"github.com/tenantguard/tenantguard/internal/vectors"
)

// stateOf returns what came of a check.
func stateOf(all []report.SelfCheck, check string) report.SelfCheck {
	for _, one := range all {
		if one.Check == check {
			return one
		}
	}
	return report.SelfCheck{}
}

// linesOf counts the lines about a check in a state.
func linesOf(check, state string) int {
	return strings.Count(said.String(), `"check":"`+check+`","state":"`+state+`"`)
}

// TestNote has checks be met again and again.
func TestNote(t *testing.T) {
	steps := []struct {
		description, problem, state, detail string
		failed                              int
	}{
		{"good", "", "ok", "", 0},
		{"good again", "", "ok", "", 0},
		{"it fails", "renamed", "failed", "renamed", 1},
		{"it fails otherwise", "other", "failed", "renamed", 0},
		{"good elsewhere", "", "failed", "renamed", 0},
	}
	reloads.Lock()
	beginReload(nil) // in which nothing is met that a poll could say
	reloads.Unlock()
	sayGoodAgain([]report.SelfCheck{{Check: traefik.CheckListener, State: report.StateOK}})
	c := &checks{}
	if got := stateOf(c.all(), traefik.CheckListener).State; got != report.StateUnknown {
		t.Errorf("before anything: %q, want unknown", got)
	}
	for _, step := range steps {
		before := linesOf(traefik.CheckListener, "failed")
		c.note(traefik.CheckListener, step.problem)
		got := stateOf(c.all(), traefik.CheckListener)
		if got.State != step.state || got.Detail != step.detail ||
			(got.Consequence != "") != (step.state == "failed") {
			t.Errorf("%s: %+v, want %q, %q", step.description, got, step.state, step.detail)
		}
		if lines := linesOf(traefik.CheckListener, "failed") - before; lines != step.failed {
			t.Errorf("%s: %d lines, want %d", step.description, lines, step.failed)
		}
	}
	before := linesOf(traefik.CheckListener, "failed")
	(&checks{}).note(traefik.CheckListener, "after a reload")
	if linesOf(traefik.CheckListener, "failed") != before {
		t.Error("what still fails after a reload is said again")
	}
	after := &checks{}
	after.note(traefik.CheckListener, "")
	good := linesOf(traefik.CheckListener, "ok")
	sayGoodAgain(after.all())
	sayGoodAgain(after.all())
	if got := linesOf(traefik.CheckListener, "ok") - good; got != 1 {
		t.Errorf("%d lines of a check that is good again, want 1", got)
	}
}

// TestNoteTree has routers lead to services and to what is not known.
func TestNoteTree(t *testing.T) {
	known := traefik.Children{Reached: true}
	strange := traefik.Children{End: "svc.Pool"}
	rows := []struct {
		description string
		routers     []traefik.Children
		want        string
	}{
		{"none", nil, report.StateUnknown},
		{"a service", []traefik.Children{known}, report.StateOK},
		{"one that is strange", []traefik.Children{strange}, report.StateUnknown},
		{"two that are strange", []traefik.Children{strange, strange}, report.StateFailed},
		{"strange ones beside a service", []traefik.Children{strange, known, strange, strange},
			report.StateOK},
	}
	for _, row := range rows {
		c := &checks{}
		for _, children := range row.routers {
			c.noteTree(children)
		}
		got := stateOf(c.all(), traefik.CheckHandlerTree)
		if got.State != row.want {
			t.Errorf("%s: %+v, want %q", row.description, got, row.want)
		}
		if got.State == report.StateFailed && !strings.Contains(got.Detail, "svc.Pool") {
			t.Errorf("%s: %+v, want the type", row.description, got)
		}
	}
}

// TestChecksOfRequests has requests meet what is read from Traefik.
func TestChecksOfRequests(t *testing.T) {
	const ingress = "web-acme@kubernetes"
	entryPoint := serving(t, certificateOf(t, "acme-exact"))
	rows := []struct {
		description, router, check string
		req                        *http.Request
		want                       string
	}{
		{"a listener", "acme_web_0@kubernetescrd", traefik.CheckListener,
			at(entryPoint, tlsRequest(hostA, hostA)), report.StateOK},
		{"no listener", "acme_web_0@kubernetescrd", traefik.CheckListener,
			tlsRequest(hostA, hostA), report.StateFailed},
		{"no TLS", "acme_web_0@kubernetescrd", traefik.CheckListener, plainRequest(hostA),
			report.StateUnknown},
		{"no namespace", ingress, traefik.CheckIngressNamespace, plainRequest(hostA),
			report.StateFailed},
		{"a router without a namespace", "acme_web_0@kubernetescrd", traefik.CheckIngressNamespace,
			plainRequest(hostA), report.StateUnknown},
		{"no router's name", ingress, traefik.CheckRouterName, plainRequest(hostA),
			report.StateFailed},
	}
	for _, row := range rows {
		router := binding.Parse(row.router, "websecure")
		g := newGuard(http.NotFoundHandler(), "checks@file", acmeKeys(nil), router)
		reasonOf(g, row.req)
		if got := stateOf(SelfChecks(), row.check); got.State != row.want {
			t.Errorf("%s: %+v, want %q", row.description, got, row.want)
		}
	}
	router := binding.Parse(ingress, "websecure")
	g := newGuard(http.NotFoundHandler(), "checks@file", acmeKeys(nil), router)
	req := plainRequest(hostA)
	reasonOf(g, req.WithContext(vectors.WithIngress(req.Context(), "acme")))
	if got := stateOf(SelfChecks(), traefik.CheckIngressNamespace); got.State != report.StateOK {
		t.Errorf("a namespace: %+v, want ok", got)
	}
}

// TestSamples has routers be looked at that nobody asks for.
func TestSamples(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for i := 0; i < maxSamples+5; i++ {
		New(ctx, http.NotFoundHandler(), acmeKeys(nil), "samples@file")
	}
	r := currentReload()
	if r.sampled {
		t.Skip("a poll came in between")
	}
	lookAtSamples()
	if len(r.tables["samples@file"]) != maxSamples || len(r.samples) != 0 {
		t.Errorf("%d routers were looked at, want %d", len(r.tables["samples@file"]), maxSamples)
	}
	if got := stateOf(SelfChecks(), traefik.CheckRouterName); got.State != report.StateFailed {
		t.Errorf("%+v, want that no router has a name", got)
	}
	New(ctx, http.NotFoundHandler(), acmeKeys(nil), "samples@file")
	if len(r.samples) != 0 {
		t.Error("a router is kept as a sample after they were looked at")
	}
}
