package admission_test

import (
	"os"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/internal/admission"
)

// TestWebhookIsGenerated holds the example against the generator.
func TestWebhookIsGenerated(t *testing.T) {
	content, err := os.ReadFile("../../examples/kubernetes/webhook/configuration.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(content) != admission.Defaults().WebhookYAML(admission.DefaultWebhook()) {
		t.Error("configuration.yaml is not what go generate writes")
	}
}

// TestWebhookOptions checks that what an operator chooses is in every webhook.
func TestWebhookOptions(t *testing.T) {
	o := admission.Defaults()
	o.Label = "team.example/name"
	o.OperatorNamespaces = []string{"platform"}
	o.Prefix = "marks.example"
	got := o.WebhookYAML(admission.Webhook{
		Namespace: "ops", Service: "hook",
		Annotations: map[string]string{"cert-manager.io/inject-ca-from": "ops/hook"},
	})
	rows := []struct {
		description, text string
		times             int
	}{
		{"the label chooses Namespaces", "{key: team.example/name, operator: Exists}", 3},
		{"operators' namespaces are left alone", "values: [platform]", 3},
		{"all fail closed", "failurePolicy: Fail", 3},
		{"the Service", "service: {namespace: ops, name: hook, path: /validate, port: 443}", 3},
		{"the annotation of cert-manager",
			"  annotations:\n    cert-manager.io/inject-ca-from: \"ops/hook\"\n", 1},
		{"a change of the label counts", "labels[?'team.example/name']", 2},
		{"the marks", "'marks.example/hosts', 'marks.example/mode', 'marks.example/allow'", 1},
		{"operators pass where tenants write", "name: not-an-operator", 2},
		{"other Secrets are not asked about", "'tls.crt' in object.?data", 1},
		{"nothing of the defaults is left", "tenantguard.io/tenant", 0},
	}
	for _, row := range rows {
		if count := strings.Count(got, row.text); count != row.times {
			t.Errorf("%s: %q is there %d times, wanted %d", row.description, row.text, count,
				row.times)
		}
	}
}
