package generate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
)

// FieldManager is who owns what is applied, for server-side apply.
const FieldManager = "tenantguard"

// plurals are the resources of the kinds that are applied.
var plurals = map[string]schema.GroupVersionResource{
	"ConfigMap":   {Version: "v1", Resource: "configmaps"},
	"ClusterRole": {Group: rbac, Version: "v1", Resource: "clusterroles"},
	"ClusterRoleBinding": {
		Group: rbac, Version: "v1", Resource: "clusterrolebindings"},
	"ValidatingAdmissionPolicy": {
		Group: registration, Version: "v1", Resource: "validatingadmissionpolicies"},
	"ValidatingAdmissionPolicyBinding": {
		Group: registration, Version: "v1", Resource: "validatingadmissionpolicybindings"},
	"ValidatingWebhookConfiguration": {
		Group: registration, Version: "v1", Resource: "validatingwebhookconfigurations"},
}

const (
	rbac         = "rbac.authorization.k8s.io"
	registration = "admissionregistration.k8s.io"
)

// Apply applies files by server-side apply, one object after the other. said hears of each.
func Apply(ctx context.Context, client dynamic.Interface, files []File, said func(what string),
) error {
	for _, file := range files {
		objects, err := Objects(file.Content)
		if err != nil {
			return fmt.Errorf("%s: %w", file.Path, err)
		}
		for _, object := range objects {
			if err := apply(ctx, client, object); err != nil {
				return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
			}
			said(object.GetKind() + " " + object.GetName())
		}
	}

	return nil
}

func apply(ctx context.Context, client dynamic.Interface, object *unstructured.Unstructured) error {
	resource, known := plurals[object.GetKind()]
	if !known {
		return errors.New("not of a kind that is applied")
	}
	var target dynamic.ResourceInterface = client.Resource(resource)
	if namespace := object.GetNamespace(); namespace != "" {
		target = client.Resource(resource).Namespace(namespace)
	}
	_, err := target.Apply(ctx, object.GetName(), object,
		metav1.ApplyOptions{FieldManager: FieldManager, Force: true})

	return err
}

// Objects reads the documents of a manifest.
func Objects(manifest string) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096)
	var objects []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}
