package audit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/tenantguard/tenantguard/internal/admission"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/registry/registrytest"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/audit"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/objections"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

const testdata = "../../../../testdata/admission"

// now is when the tests audit.
var now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// admissionCase is a case of testdata/admission. See its page.
type admissionCase struct {
	Description, Namespace, As, Operation, Subresource, Want string

	Deleted        bool
	Object, Before map[string]any
}

// objectsOf makes objects of texts in YAML.
func objectsOf(t *testing.T, manifests ...string) *running.Objects {
	t.Helper()
	objects, err := running.ParseManifests("test.yaml", []byte(strings.Join(manifests, "\n---\n")))
	if err != nil {
		t.Fatal(err)
	}

	return objects
}

// guests are the keys of a policy with tenants from Namespaces, of which two are guests.
var guests = map[string]any{
	"kubernetes": map[string]any{"enabled": true},
	"tenants": []any{
		map[string]any{"name": "edge", "kubernetesNamespaces": true,
			"guest": map[string]any{"hosts": "**"}},
		map[string]any{"name": "api", "kubernetesNamespaces": true,
			"guest": map[string]any{"hosts": "acme.example.com,*.globex.example.com"}},
	},
}

// policies are compiled once.
var policies = sync.OnceValue(func() *objections.Policies {
	compiled, err := objections.Load(admission.Defaults())
	if err != nil {
		panic(err)
	}

	return compiled
})

// run audits objects, with tenants from their Namespaces and from keys.
func run(
	t testing.TB, keys map[string]any, traefik *running.Traefik, objects *running.Objects,
) *audit.Report {
	t.Helper()
	if keys == nil {
		keys = guests
	}
	cluster := &registrytest.Cluster{Namespaces: &policy.Snapshot{
		Namespaces: audit.Namespaces(objects, policy.TenantLabel),
	}}
	effective, notices := registrytest.Middleware{
		Name: "guard@file", Keys: keys, Cluster: cluster, ReadFile: os.ReadFile,
	}.Policy()
	if effective == nil {
		t.Fatalf("no policy: %+v", notices)
	}
	report, err := audit.Run(audit.Input{
		Traefik: traefik, Objects: objects, Policy: effective, Plugin: "tenantguard",
		OperatorNamespaces: []string{"kube-system", "traefik"}, Now: now,
		Objections: policies(),
	}, func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}

	return report
}

// TestAdmissionCases has the audit find every object that admission refuses, and nothing in those
// that it admits.
func TestAdmissionCases(t *testing.T) {
	namespaces := namespacesYAML(t)
	files, _ := filepath.Glob(filepath.Join(testdata, "*.yaml"))
	found, passed := 0, 0
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "OBJECT\tADMISSION\tAUDIT")
	for _, file := range files {
		if filepath.Base(file) == "namespaces.yaml" || filepath.Base(file) == "operations.yaml" {
			continue // changes, and who makes them
		}
		var content struct{ Cases []admissionCase }
		readYAML(t, file, &content)
		for _, c := range content.Cases {
			if c.As != "" {
				continue // what operators and controllers write nobody can tell from tenants' own
			}
			report := run(t, nil, nil, objectsOf(t, namespaces, c.yaml(t)))
			ids := idsOf(report.Findings)
			switch {
			case c.Want == "refused" && ids == "":
				t.Errorf("%s: %s: nothing found", filepath.Base(file), c.Description)
			case c.Want == "allowed" && ids != "" && !expected[c.Description]:
				t.Errorf("%s: %s: found %s: %s", filepath.Base(file), c.Description, ids,
					report.Findings[0].Message)
			case c.Want == "refused":
				found++
				fmt.Fprintf(table, "%s\t%s\t%s\n", c.Description, c.Want, ids)
			default:
				passed++
			}
		}
	}
	table.Flush()
	t.Logf("every object that admission refuses:\n%s", text.String())
	if found < 150 || passed < 90 {
		t.Errorf("%d found and %d passed, want most of those that there are", found, passed)
	}
}

// expected are cases that admission lets pass and an operator should know of all the same.
var expected = map[string]bool{
	// Traefik reads rules as expressions of Go, in which a line can't begin with "&&".
	"a match over several lines": true,
	// The parent is another case.
	"a parent of one's own and its child, the child": true,
}

// idsOf returns the ids of findings that count, but for those of the Namespace "odd".
func idsOf(findings finding.List) string {
	var ids []string
	for _, f := range findings {
		if f.Severity != finding.Info && f.ID != "namespace-marks" {
			ids = append(ids, f.ID)
		}
	}

	return strings.Join(ids, " ")
}

func namespacesYAML(t *testing.T) string {
	t.Helper()
	var list []map[string]any
	readYAML(t, filepath.Join(testdata, "namespaces.yaml"), &list)
	var manifests []string
	for _, n := range list {
		manifests = append(manifests, toYAML(t, map[string]any{
			"apiVersion": "v1", "kind": "Namespace", "metadata": n,
		}))
	}

	return strings.Join(manifests, "\n---\n")
}

// versions are the API versions of the kinds in the cases.
var versions = map[string]string{
	"Ingress": "networking.k8s.io/v1", "Service": "v1", "Secret": "v1", "Endpoints": "v1",
	"EndpointSlice": "discovery.k8s.io/v1", "HTTPRoute": "gateway.networking.k8s.io/v1",
	"GRPCRoute": "gateway.networking.k8s.io/v1", "TLSRoute": "gateway.networking.k8s.io/v1",
	"Gateway": "gateway.networking.k8s.io/v1", "TCPRoute": "gateway.networking.k8s.io/v1alpha2",
	"UDPRoute": "gateway.networking.k8s.io/v1alpha2", "ListenerSet": "gateway.networking.k8s.io/v1",
}

func (c admissionCase) yaml(t *testing.T) string {
	t.Helper()
	object := c.Object
	kind := fmt.Sprint(object["kind"])
	if object["apiVersion"] == nil {
		object["apiVersion"] = "traefik.io/v1alpha1"
		if versions[kind] != "" {
			object["apiVersion"] = versions[kind]
		}
	}
	metadata, _ := object["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		object["metadata"] = metadata
	}
	if metadata["name"] == nil {
		metadata["name"] = "web"
	}
	metadata["namespace"] = c.Namespace
	if c.Namespace == "" {
		metadata["namespace"] = "acme"
	}

	return toYAML(t, object)
}

func toYAML(t *testing.T, value any) string {
	t.Helper()
	content, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}

	return string(content)
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(content, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
