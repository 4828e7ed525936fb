package status

import (
	"strconv"
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/internal/report"
)

// Metrics returns a state in Prometheus' text format.
func (s *State) Metrics() string {
	m := &metrics{}
	m.ofDenials(s)
	m.ofPolicies(s)
	m.ofTraefik(s)
	m.begin("self_check", "gauge", "Whether the guard can read what Traefik gives it: 1 or 0.")
	for _, check := range s.SelfCheck {
		if check.State == report.StateOK || check.State == report.StateFailed {
			m.value(truth(check.State == report.StateOK), "check", check.Check)
		}
	}
	m.ofCertificates(s)
	m.ofKubernetes(s)
	return m.text.String()
}

// ofCertificates has one value for each pattern of hosts, the earliest: with a wildcard clients
// make up any number of hosts, and each would be a series.
func (m *metrics) ofCertificates(s *State) {
	m.begin("certificate_expiry_timestamp_seconds", "gauge",
		"When the first certificate expires that was served for a host in use of this pattern.")
	first := map[hostKey]time.Time{}
	var keys []hostKey
	for _, h := range s.Hosts {
		if h.NotAfter.IsZero() {
			continue
		}
		key := hostKey{host: h.Pattern, tenant: h.Tenant}
		if before, known := first[key]; !known {
			keys = append(keys, key)
			first[key] = h.NotAfter
		} else if h.NotAfter.Before(before) {
			first[key] = h.NotAfter
		}
	}
	for _, key := range keys {
		m.value(seconds(first[key]), "tenant", key.tenant, "host", key.host)
	}
}

// metrics writes one family after the other.
type metrics struct {
	text strings.Builder
	name string
	// head is written before the first value: a family without values is not there.
	head string
}

func (m *metrics) begin(name, kind, help string) {
	m.name = "tenantguard_" + name
	m.head = "# HELP " + m.name + " " + help + "\n# TYPE " + m.name + " " + kind + "\n"
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// value writes a value with its labels, names and values by turns.
func (m *metrics) value(value string, labels ...string) {
	m.text.WriteString(m.head + m.name)
	m.head = ""
	for i := 0; i+1 < len(labels); i += 2 {
		before := ","
		if i == 0 {
			before = "{"
		}
		text := strings.ToValidUTF8(labels[i+1], "\uFFFD")
		m.text.WriteString(before + labels[i] + `="` + labelEscapes.Replace(text) + `"`)
	}
	if len(labels) > 0 {
		m.text.WriteString("}")
	}
	m.text.WriteString(" " + value + "\n")
}

func truth(is bool) string {
	if is {
		return "1"
	}
	return "0"
}

func seconds(at time.Time) string {
	return strconv.FormatInt(at.Unix(), 10)
}

func (m *metrics) ofDenials(s *State) {
	m.begin("denials_total", "counter",
		"Requests that were denied, or would have been in report mode.")
	for _, c := range s.Denials.Counts {
		m.value(strconv.Itoa(c.Total), "tenant", c.Tenant, "reason", c.Reason, "mode", c.Mode)
	}
	m.begin("judged_total", "counter",
		"Requests that were judged in full, and not passed as one like them a moment ago.")
	m.value(strconv.Itoa(s.Judged))
	m.begin("observations_total", "counter",
		"Handshakes that were made to see which certificate is served.")
	for _, o := range s.Observed {
		m.value(strconv.Itoa(o.Count), "result", o.Result)
	}
}

// ofPolicies has nothing of the policies that tenants wrote, of which there may be any number.
func (m *metrics) ofPolicies(s *State) {
	m.begin("policy_info", "gauge", "The policies in force. The value is always 1.")
	for _, p := range s.counting() {
		if p.InForce {
			m.value("1", "middleware", p.Middleware, "source", p.Source, "mode", p.Mode,
				"digest", p.Digest, "version", s.Versions.Plugin)
		}
	}
	m.begin("policy_in_force", "gauge",
		"Whether a policy is in force: 1, or 0 where every request is answered 503.")
	for _, p := range s.counting() {
		m.value(truth(p.InForce), "middleware", p.Middleware)
	}
	m.begin("policy_errors", "gauge",
		"Errors of the policy as it is written now. An earlier one stays in force.")
	for _, p := range s.counting() {
		m.value(strconv.Itoa(len(p.Errors)), "middleware", p.Middleware)
	}
	m.begin("policy_last_change_timestamp_seconds", "gauge",
		"When another policy came into force.")
	for _, p := range s.counting() {
		if !p.Changed.IsZero() {
			m.value(seconds(p.Changed), "middleware", p.Middleware)
		}
	}
}

func (m *metrics) ofTraefik(s *State) {
	m.begin("traefik_api_known", "gauge",
		"Whether Traefik's own API answers, without which unguarded routers are not known: 1 or 0.")
	m.value(truth(s.Traefik.Known))
	if !s.Traefik.Known {
		return
	}
	m.begin("unguarded_routers", "gauge",
		"Routers on an entry point with a guard that is not in front of them.")
	m.value(strconv.Itoa(s.Traefik.Unguarded))
	m.begin("open_routers", "gauge", "Routers without a guard, by entry point.")
	for _, e := range s.EntryPoints {
		m.value(strconv.Itoa(e.Open), "entrypoint", e.Name)
	}
}

func (m *metrics) ofKubernetes(s *State) {
	m.begin("kubernetes_up_to_date", "gauge",
		"Whether the Namespaces are kept up to date by a watch: 1 or 0.")
	for _, k := range s.Kubernetes {
		m.value(truth(k.UpToDate), "cluster", k.Cluster)
	}
	m.begin("kubernetes_namespaces", "gauge", "Namespaces of the cluster, a tenant's or not.")
	for _, k := range s.Kubernetes {
		m.value(strconv.Itoa(k.Namespaces), "cluster", k.Cluster)
	}
	m.begin("kubernetes_last_list_timestamp_seconds", "gauge",
		"When the latest list of Namespaces began that succeeded.")
	for _, k := range s.Kubernetes {
		if !k.Listed.IsZero() {
			m.value(seconds(k.Listed), "cluster", k.Cluster)
		}
	}
}
