package papers

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
	"github.com/traefik/traefik/v3/pkg/provider/kubernetes/crd/traefikio/v1alpha1"
	"gopkg.in/yaml.v3"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	kubernetesyaml "sigs.k8s.io/yaml"
)

var (
	// staticKeys and dynamicKeys are what configurations of Traefik begin with, and objectKeys what
	// objects of Kubernetes do.
	staticKeys  = []string{"experimental", "core", "entryPoints", "providers", "log", "ping"}
	dynamicKeys = []string{"http", "tls"}
	objectKeys  = []string{"apiVersion", "kind", "metadata", "spec"}
)

// checkYAML tells by the keys at the top what a block is, and has it decoded by what reads it.
func checkYAML(t *testing.T, b block) {
	var top map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(b.text), &top))
	keys := slices.Sorted(maps.Keys(top))
	only := func(wanted []string) bool {
		for _, key := range keys {
			if !slices.Contains(wanted, key) {
				return false
			}
		}
		return true
	}
	switch {
	case only(objectKeys):
		decodeObject(t, []byte(b.text))
	case only(staticKeys):
		traefik.Need(t, traefik.SafeNames, "safe names, which the papers turn on,")
		loadedFile(t, b.text)
	case only(dynamicKeys):
		if guard := decodeFile(t, "dynamic.yml", b.text); guard != nil {
			effectivePolicy(t, middleware{"guard@file", guard})
		}
	case only(knownKeys(t, map[string]any{"?": ""})):
		effectivePolicy(t, middleware{"guard@file", top})
	default:
		require.Fail(t, "no rule knows what this is", "keys: %s", keys)
	}
}

var strict = serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict)

// decodeObject decodes an object of Kubernetes strictly, and wants a policy of a guard.
func decodeObject(t *testing.T, document []byte) {
	t.Helper()
	var object struct {
		Kind     string
		Metadata struct{ Labels, Annotations map[string]string }
	}
	require.NoError(t, yaml.Unmarshal(document, &object))
	switch object.Kind {
	case "Middleware":
		effectivePolicy(t, crdMiddleware(t, decodeMiddleware(t, document)))
	case "IngressRoute":
		var route v1alpha1.IngressRoute
		require.NoError(t, kubernetesyaml.UnmarshalStrict(document, &route))
	default:
		_, _, err := strict.UniversalDeserializer().Decode(document, nil, nil)
		require.NoError(t, err)
	}
	for key, value := range object.Metadata.Labels {
		checkMark(t, key, value, tenantLabel)
	}
	for key, value := range object.Metadata.Annotations {
		checkMark(t, key, value, hostsAnnotation, modeAnnotation)
	}
}

// decodeObjects decodes a file of objects.
func decodeObjects(t *testing.T, content string) {
	t.Helper()
	for _, document := range strings.Split(content, "\n---\n") {
		decodeObject(t, []byte(document))
	}
}

func decodeMiddleware(t *testing.T, document []byte) v1alpha1.Middleware {
	t.Helper()
	var decoded v1alpha1.Middleware
	require.NoError(t, kubernetesyaml.UnmarshalStrict(document, &decoded))
	require.Equal(t, "Middleware", decoded.Kind)
	require.Contains(t, decoded.Spec.Plugin, lab.PluginName)

	return decoded
}
