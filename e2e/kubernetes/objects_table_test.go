package kubernetes_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// object is a case of testdata/admission: one request to the API, and its answer.
type object struct {
	Description string
	// Source is where people have the object from.
	Source    string
	Namespace string
	// As is the user: empty for the tenant, operator, or the name of a service account.
	As string
	// Operation is create, update, patch, apply or delete. Before is the object that is there
	// already, and Deleted reports whether it waits for its finalizers.
	Operation   string
	Subresource string
	Before      map[string]any
	Deleted     bool
	Object      map[string]any
	// Want is allowed or refused, and Says is what the message of a refusal contains.
	Want string
	Says []string
}

// admissionFile is a file of testdata/admission. Parts are what its cases repeat.
type admissionFile struct {
	Parts any
	Cases []object
}

// admissionNamespace is a Namespace of testdata/admission/namespaces.yaml.
type admissionNamespace struct {
	Name                string
	Labels, Annotations map[string]string
}

// apiVersions are those of objects that name none.
var apiVersions = map[string]string{
	"Ingress":         "networking.k8s.io/v1",
	"IngressRoute":    "traefik.io/v1alpha1",
	"IngressRouteTCP": "traefik.io/v1alpha1",
	"IngressRouteUDP": "traefik.io/v1alpha1",
	"Middleware":      "traefik.io/v1alpha1",
	"TLSOption":       "traefik.io/v1alpha1",
	"TLSStore":        "traefik.io/v1alpha1",
	"TraefikService":  "traefik.io/v1alpha1",
	"Service":         "v1",
	"Secret":          "v1",
	"HTTPRoute":       "gateway.networking.k8s.io/v1",
	"GRPCRoute":       "gateway.networking.k8s.io/v1",
	"TLSRoute":        "gateway.networking.k8s.io/v1",
	"TCPRoute":        "gateway.networking.k8s.io/v1",
	"UDPRoute":        "gateway.networking.k8s.io/v1",
	"Gateway":         "gateway.networking.k8s.io/v1",
	"ListenerSet":     "gateway.networking.k8s.io/v1",
}

// loadObjects reads the cases of testdata/admission and checks that they are complete.
func loadObjects(t *testing.T) ([]object, []admissionNamespace) {
	t.Helper()
	root, err := repo.Root()
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(root, "testdata", "admission", "*.yaml"))
	require.NoError(t, err)

	var all []object
	var namespaces []admissionNamespace
	for _, name := range files {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		if filepath.Base(name) == "namespaces.yaml" {
			require.NoError(t, yaml.UnmarshalStrict(content, &namespaces), name)
			continue
		}
		var file admissionFile
		require.NoError(t, yaml.UnmarshalStrict(content, &file), name)
		for _, o := range file.Cases {
			o.Description = strings.TrimSuffix(filepath.Base(name), ".yaml") + ": " + o.Description
			all = append(all, o)
		}
	}
	seen := map[string]bool{}
	for i := range all {
		o := &all[i]
		assert.False(t, seen[o.Description], "twice: %s", o.Description)
		seen[o.Description] = true
		o.fill(t, i)
	}

	return all, namespaces
}

// fill sets what a case may leave out. Each object gets a name of its own.
func (o *object) fill(t *testing.T, index int) {
	t.Helper()
	if o.Namespace == "" {
		o.Namespace = "acme"
	}
	if o.Operation == "" {
		o.Operation = "create"
	}
	assert.Contains(t, []string{"allowed", "refused"}, o.Want, o.Description)
	assert.Equal(t, o.Want == "refused", len(o.Says) > 0, "%s: what says the message?",
		o.Description)
	assert.Equal(t, o.Operation == "delete", o.Object == nil, o.Description)
	if o.Operation != "create" && o.Operation != "apply" {
		assert.NotNil(t, o.Before, "%s: of what?", o.Description)
	}
	for _, content := range []map[string]any{o.Before, o.Object} {
		if content == nil {
			continue
		}
		content["apiVersion"] = orElse(content["apiVersion"], apiVersions[kindOf(content)])
		metadata, _ := content["metadata"].(map[string]any)
		if metadata == nil {
			metadata = map[string]any{}
		}
		metadata["name"] = orElse(metadata["name"], fmt.Sprintf("object-%d", index))
		metadata["namespace"] = o.Namespace
		content["metadata"] = metadata
	}
}

// kind returns the kind of the object, which Before has too.
func (o *object) kind() string {
	if o.Object != nil {
		return kindOf(o.Object)
	}

	return kindOf(o.Before)
}

// content returns the object to send.
func (o *object) content() *unstructured.Unstructured {
	content := &unstructured.Unstructured{Object: o.Object}
	if o.Object == nil {
		content.Object = o.Before
	}

	return content.DeepCopy()
}

func kindOf(content map[string]any) string {
	kind, _ := content["kind"].(string)
	return kind
}

func orElse(value any, otherwise string) any {
	if value == nil || value == "" {
		return otherwise
	}

	return value
}
