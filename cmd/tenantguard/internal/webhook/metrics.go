package webhook

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
)

// resources are the values of the label resource; every other one is "other".
var resources = []string{"secrets", "namespaces", "tlsstores", "tlsoptions", "gateways",
	"listenersets", "xlistenersets"}

// buckets are the upper bounds of the durations, in seconds.
var buckets = []float64{0.001, 0.005, 0.025, 0.1, 0.5, 2.5}

// Metrics counts what the webhook does. Its labels have values of ours only.
type Metrics struct {
	// Namespaces returns how many are known, and Expiry when the serving certificate expires.
	Namespaces func() int
	Expiry     func() time.Time

	mu        sync.Mutex
	reviews   map[string]int
	refusals  map[Reason]int
	failures  int
	durations []int
	seconds   float64
	broken    map[string]bool
}

// NewMetrics returns Metrics that have counted nothing.
func NewMetrics() *Metrics {
	m := &Metrics{
		reviews: map[string]int{}, refusals: map[Reason]int{},
		durations: make([]int, len(buckets)+1), broken: map[string]bool{},
	}
	for _, reason := range Reasons() {
		m.refusals[reason] = 0
	}

	return m
}

// review counts one answer.
func (m *Metrics) review(request *admissionv1.AdmissionRequest, answer Answer,
	took time.Duration,
) {
	resource := request.Resource.Resource
	if !slices.Contains(resources, resource) {
		resource = "other"
	}
	result := "allowed"
	m.mu.Lock()
	defer m.mu.Unlock()
	if answer.Reason != "" {
		m.refusals[answer.Reason]++
		result = "refused"
		if answer.Allowed {
			result = "warned"
		}
	}
	m.reviews[fmt.Sprintf("resource=%q,result=%q", resource, result)]++
	m.seconds += took.Seconds()
	i := 0
	for i < len(buckets) && took.Seconds() > buckets[i] {
		i++
	}
	m.durations[i]++
}

// failure counts a request without an answer.
func (m *Metrics) failure() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failures++
}

// setBroken says whether one of a few parts, such as the policy, is as it was last good.
func (m *Metrics) setBroken(part string, broken bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken[part] = broken
}

// write writes the metrics in Prometheus' text format.
func (m *Metrics) write(w io.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	const prefix = "tenantguard_admission_"
	head := func(name, kind, help string) {
		fmt.Fprintf(w, "# HELP %[1]s%[2]s %[4]s\n# TYPE %[1]s%[2]s %[3]s\n",
			prefix, name, kind, help)
	}
	head("reviews_total", "counter", "Objects decided on.")
	for _, labels := range sortedKeys(m.reviews) {
		fmt.Fprintf(w, "%sreviews_total{%s} %d\n", prefix, labels, m.reviews[labels])
	}
	head("refusals_total", "counter", "Objects refused, or warned of.")
	for _, reason := range Reasons() {
		fmt.Fprintf(w, "%srefusals_total{reason=%q} %d\n", prefix, reason, m.refusals[reason])
	}
	head("failures_total", "counter", "Requests that could not be answered.")
	fmt.Fprintf(w, "%sfailures_total %d\n", prefix, m.failures)
	head("duration_seconds", "histogram", "How long reviews took.")
	total := 0
	for i, bucket := range buckets {
		total += m.durations[i]
		fmt.Fprintf(w, "%sduration_seconds_bucket{le=\"%g\"} %d\n", prefix, bucket, total)
	}
	total += m.durations[len(buckets)]
	fmt.Fprintf(w, "%[1]sduration_seconds_bucket{le=\"+Inf\"} %[2]d\n"+
		"%[1]sduration_seconds_sum %[3]g\n%[1]sduration_seconds_count %[2]d\n",
		prefix, total, m.seconds)
	head("stale", "gauge", "Whether the last good one is in use because the newest is broken.")
	for _, part := range sortedKeys(m.broken) {
		value := 0
		if m.broken[part] {
			value = 1
		}
		fmt.Fprintf(w, "%sstale{part=%q} %d\n", prefix, part, value)
	}
	if m.Namespaces != nil {
		head("namespaces", "gauge", "Namespaces known.")
		fmt.Fprintf(w, "%snamespaces %d\n", prefix, m.Namespaces())
	}
	if m.Expiry != nil {
		head("certificate_expiry_seconds", "gauge", "When the serving certificate expires.")
		fmt.Fprintf(w, "%scertificate_expiry_seconds %d\n", prefix, m.Expiry().Unix())
	}
}

func sortedKeys[V any](of map[string]V) []string {
	keys := make([]string, 0, len(of))
	for key := range of {
		keys = append(keys, key)
	}
	slices.Sort(keys)

	return keys
}
