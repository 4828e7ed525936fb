package kubernetes_test

import (
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// row is one line of the table.
type row struct {
	attack, provider string
	// off and on are what comes of the attack without and with the guard, and onServed is whether
	// the victim was served all along with it.
	off, on, onServed string
	// admission and served are the same with the guard and the policies of admission.
	admission, served string
	// audit are the ids of what the command's audit finds.
	audit string
}

// add appends a text unless it is contained already.
func add(text, more string) string {
	if text == "" {
		return more
	}
	if strings.Contains(text, more) {
		return text
	}

	return text + "; " + more
}

// describe returns who answered and with whose certificate, or the reason of the denial.
func (w *world) describe(response *lab.Response, a attack) string {
	if response.Reason() != "" {
		return fmt.Sprintf("%d %s", response.Status, response.Reason())
	}
	if response.Tenant() == "" {
		return fmt.Sprintf("%d from Traefik", response.Status)
	}
	if response.Served == nil {
		return response.Tenant() + " answers"
	}
	whose := owner(w, response.Served)
	if response.Served.Subject.CommonName == "TRAEFIK DEFAULT CERT" {
		whose = "Traefik's default"
	}
	if w.disk != nil && response.Served.Equal(w.disk.Certificate) {
		return response.Tenant() + " answers, certificate: from Traefik's disk"
	}
	if whose == "" || (a.served != nil && response.Served.Equal(a.served.Certificate) && a.forged) {
		whose = "the attacker's"
	}

	return fmt.Sprintf("%s answers, certificate: %s", response.Tenant(), whose)
}

// owner returns the tenant whose own certificate this is.
func owner(w *world, certificate *x509.Certificate) string {
	for _, member := range []*team{w.acme, w.globex} {
		if certificate != nil && certificate.Equal(member.certificate.Certificate) {
			return member.name
		}
	}
	if certificate != nil && len(certificate.DNSNames) == 2 &&
		"*."+certificate.DNSNames[0] == certificate.DNSNames[1] {
		return strings.TrimSuffix(certificate.DNSNames[0], ".test")
	}

	return ""
}

// attempt describes the result of a request, also if TLS fails.
func (w *world) attempt(t *testing.T, tr *cluster.Traefik, host, path string) string {
	t.Helper()
	conn, err := lab.TryDial(t.Context(), lab.HTTP1, tr.Target(host))
	if err != nil {
		return "TLS fails"
	}
	defer conn.Close()
	response, err := conn.Try(t.Context(), lab.Request{Host: host, Path: path})
	if err != nil {
		return "TLS fails" // in TLS 1.3 a client hears of that with its first request
	}
	text := w.describe(response, attack{})
	if badge := response.Header.Get("Badge"); badge != "" {
		text += ", with " + badge
	}

	return text
}

// table prints the collected rows.
func (w *world) table(t *testing.T) {
	t.Helper()
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "ATTACK\tPROVIDER\tGUARD OFF\tGUARD ON\tVICTIM SERVED"+
		"\tGUARD AND ADMISSION ON\tVICTIM SERVED\tAUDIT")
	for _, r := range w.rows {
		fmt.Fprintln(table, strings.Join([]string{
			r.attack, r.provider, r.off, r.on, r.onServed, r.admission, r.served, r.audit,
		}, "\t"))
	}
	table.Flush()
	fmt.Printf("\n%s\n", text.String())
}
