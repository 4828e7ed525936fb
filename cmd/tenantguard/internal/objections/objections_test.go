package objections_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/objections"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
	"github.com/tenantguard/tenantguard/internal/admission"
)

const testdata = "../../../../testdata/admission"

// admissionCase is a case of testdata/admission. See its page.
type admissionCase struct {
	Description, Namespace, As, Operation, Subresource, Want string

	Deleted        bool
	Says           []string
	Object, Before map[string]any
}

// TestEveryCase holds the evaluation here to what the API server answers: e2e/kubernetes sends the
// same cases to a real one.
func TestEveryCase(t *testing.T) {
	policies, err := objections.Load(admission.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	namespaces := readNamespaces(t)
	files, _ := filepath.Glob(filepath.Join(testdata, "*.yaml"))
	count := 0
	for _, file := range files {
		base := filepath.Base(file)
		// operations.yaml is about changes, and who makes them.
		if base == "namespaces.yaml" || base == "operations.yaml" {
			continue
		}
		for _, c := range readCases(t, file) {
			if c.As != "" || (c.Operation != "" && c.Operation != "create") {
				continue
			}
			count++
			if wrong := checkCase(policies, namespaces, c); wrong != "" {
				t.Errorf("%s: %s: %s", base, c.Description, wrong)
			}
		}
	}
	if count < 200 {
		t.Errorf("%d cases, want most of those that there are", count)
	}
}

func checkCase(
	policies *objections.Policies, namespaces map[string]objections.Namespace, c admissionCase,
) string {
	if c.Namespace == "" {
		c.Namespace = "acme"
	}
	kind, _ := c.Object["kind"].(string)
	object := running.Object{}
	object.Object = c.Object
	if object.GetName() == "" {
		object.SetName("made-up")
	}
	if text, has := c.Object["stringData"].(map[string]any); has { // the API server encodes it
		data := map[string]any{}
		for key, value := range text {
			data[key] = base64.StdEncoding.EncodeToString([]byte(fmt.Sprint(value)))
		}
		c.Object["data"] = data
	}
	group, resource := running.ResourceOf(object)
	found := policies.Check(objections.Request{
		Group: group, Resource: resource, Kind: kind, Object: object.Object,
		Namespace: namespaces[c.Namespace],
	})
	var messages []string
	for _, o := range found {
		if !strings.HasPrefix(o.Policy, "owners") {
			messages = append(messages, o.Message)
		}
	}
	got := "allowed"
	if len(messages) > 0 {
		got = "refused"
	}
	if got != c.Want {
		return fmt.Sprintf("%s %q, want %s", got, messages, c.Want)
	}
	for _, part := range c.Says {
		if !strings.Contains(strings.Join(messages, "\n"), part) {
			return fmt.Sprintf("%q, want %q in it", messages, part)
		}
	}

	return ""
}

func readNamespaces(t *testing.T) map[string]objections.Namespace {
	t.Helper()
	var list []objections.Namespace
	read(t, filepath.Join(testdata, "namespaces.yaml"), &list)
	named := map[string]objections.Namespace{}
	for _, n := range list {
		named[n.Name] = n
	}

	return named
}

func readCases(t *testing.T, file string) []admissionCase {
	t.Helper()
	var content struct{ Cases []admissionCase }
	read(t, file, &content)

	return content.Cases
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(content, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
