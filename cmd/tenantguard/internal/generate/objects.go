// Package generate writes the policies of admission and the ConfigMap of owners, into files or
// into a cluster.
package generate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tenantguard/tenantguard/internal/admission"
	"github.com/tenantguard/tenantguard/internal/policy"
	"sigs.k8s.io/yaml"
)

// A File is a manifest with the path that it has in a folder.
type File struct {
	Path    string
	Content string
}

// What bindings do.
const (
	Warn = "warn"
	Deny = "deny"
)

const (
	ownersFile  = "owners-configmap.yaml"
	webhookFile = "webhook.yaml"
	// maxConfigMap is how many bytes the API server takes of a ConfigMap's data.
	maxConfigMap = 1 << 20
)

// Input is what is generated from.
type Input struct {
	Options admission.Options
	// Webhook adds the webhook's configuration, nil for none.
	Webhook *admission.Webhook
	// Owners is the data of the ConfigMap, nil for none.
	Owners map[string]string
}

// Owners returns the data of the ConfigMap of owners for a policy and the Namespaces of a cluster.
func Owners(parsed *policy.Parsed, namespaces []policy.Namespace) (map[string]string, error) {
	owners := admission.Owners(parsed.Over(&policy.Snapshot{Namespaces: namespaces}), namespaces)
	size := 0
	for key, value := range owners {
		size += len(key) + len(value)
	}
	if size > maxConfigMap {
		return nil, fmt.Errorf("the owners have %d bytes, wanted at most the %d of a ConfigMap: "+
			"leave this layer out, or write fewer hosts by wildcards", size, maxConfigMap)
	}

	return owners, nil
}

// Folder returns all files, as in examples/kubernetes/admission.
func (in Input) Folder() ([]File, error) {
	var files []File
	all := in.Options.Files()
	for _, path := range slices.Sorted(maps.Keys(all)) {
		files = append(files, File{path, all[path]})
	}

	return in.withOthers(files)
}

// Manifests returns what is applied: the policies, and bindings that warn or deny, those of owners
// only if withOwners. What binds comes last.
func (in Input) Manifests(action string, withOwners bool) ([]File, error) {
	all := in.Options.Files()
	var files []File
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(path, "policies/") && (withOwners || path != "policies/owners.yaml") {
			files = append(files, File{path, all[path]})
		}
	}
	files, err := in.withOthers(files)
	if err != nil {
		return nil, err
	}
	bindings := []string{action + "/bindings.yaml"}
	if withOwners {
		bindings = append(bindings, map[string]string{
			Warn: "owners-warn.yaml", Deny: "owners.yaml"}[action])
	}
	for _, path := range bindings {
		files = append(files, File{path, all[path]})
	}

	return files, nil
}

// withOthers adds the ConfigMap of owners and the webhook's configuration.
func (in Input) withOthers(files []File) ([]File, error) {
	if in.Owners != nil {
		content, err := in.ConfigMap()
		if err != nil {
			return nil, err
		}
		files = append(files, File{ownersFile, content})
	}
	if in.Webhook != nil {
		files = append(files, File{webhookFile, in.Options.WebhookYAML(*in.Webhook)})
	}

	return files, nil
}

// ConfigMap returns the ConfigMap of owners.
func (in Input) ConfigMap() (string, error) {
	content, err := yaml.Marshal(map[string]any{
		"apiVersion": "v1",
		"kind":       "ConfigMap",
		"metadata": map[string]any{
			"name": in.Options.OwnersName, "namespace": in.Options.OwnersNamespace,
		},
		"data": in.Owners,
	})
	if err != nil {
		return "", err
	}

	return "# Whose each host is, for the second layer of admission.\n" + string(content), nil
}

// Join returns files as one text of several documents.
func Join(files []File) string {
	var texts []string
	for _, file := range files {
		texts = append(texts, file.Content)
	}

	return strings.Join(texts, "---\n")
}
