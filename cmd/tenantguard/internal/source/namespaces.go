package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"

	"github.com/tenantguard/tenantguard/internal/policy"
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

// ReadNamespaces reads what kubectl get namespaces writes as JSON or YAML, or manifests.
func ReadNamespaces(name string, content []byte) ([]Namespace, error) {
	var all []Namespace
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && len(document.Content) > 0 {
			err = addNamespaces(&all, document.Content[0])
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: %w", name, errors.New("wanted a list of Namespaces, as "+
			"kubectl get namespaces --output yaml writes it"))
	}

	return all, nil
}

// addNamespaces adds the Namespace that a document is, or those of a list.
func addNamespaces(all *[]Namespace, document *yaml.Node) error {
	type object struct {
		Namespace
		Kind string
	}
	var read struct {
		object
		Items []object
	}
	converted, err := toJSON(document)
	if err == nil {
		err = json.Unmarshal(converted, &read)
	}
	if err != nil {
		return err
	}
	if read.Kind == "Namespace" {
		*all = append(*all, read.Namespace)
	}
	for _, item := range read.Items {
		if item.Kind == "Namespace" || item.Kind == "" && read.Kind == "NamespaceList" {
			*all = append(*all, item.Namespace)
		}
	}

	return nil
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
