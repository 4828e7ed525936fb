package source

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tenantguard/tenantguard/internal/policy"
	kubernetesyaml "sigs.k8s.io/yaml"
)

// Namespace is a Namespace of the cluster.
type Namespace struct {
	Metadata struct {
		Name              string            `json:"name"`
		CreationTimestamp string            `json:"creationTimestamp"`
		Labels            map[string]string `json:"labels"`
		Annotations       map[string]string `json:"annotations"`
	} `json:"metadata"`
}

// ReadNamespaces reads what kubectl get namespaces writes as JSON or YAML.
func ReadNamespaces(name string, content []byte) ([]Namespace, error) {
	converted, err := kubernetesyaml.YAMLToJSON(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var list struct {
		Kind  string
		Items []struct {
			Namespace
			Kind string
		}
	}
	if err := json.Unmarshal(converted, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var all []Namespace
	for _, item := range list.Items {
		if item.Kind == "Namespace" || item.Kind == "" && list.Kind == "NamespaceList" {
			all = append(all, item.Namespace)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: %w", name, errors.New("wanted a list of Namespaces, as "+
			"kubectl get namespaces --output yaml writes it"))
	}

	return all, nil
}

// snapshotOf returns what Namespaces say of tenants, who are in a label.
func snapshotOf(namespaces []Namespace, tenantLabel string) *policy.Snapshot {
	snapshot := &policy.Snapshot{}
	for _, n := range namespaces {
		snapshot.Namespaces = append(snapshot.Namespaces, policy.NewNamespace(n.Metadata.Name,
			n.Metadata.CreationTimestamp, tenantLabel, n.Metadata.Labels, n.Metadata.Annotations))
	}

	return snapshot
}
