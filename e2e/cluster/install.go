package cluster

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tenantguard/tenantguard/e2e/internal/build"
	"golang.org/x/mod/modfile"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	traefikModule = "github.com/traefik/traefik/v3"
	gatewayModule = "sigs.k8s.io/gateway-api"
)

// operator.yaml holds what the cluster's operator has set up.
//
//go:embed operator.yaml
var operator string

// install applies the operator's resources and the definitions of Traefik's and the Gateway API's
// resources, taken from the modules that the Traefik release is built with.
func (c *Cluster) install(ctx context.Context, release string) error {
	traefik, err := build.Download(ctx, traefikModule, release)
	if err != nil {
		return err
	}
	gatewayRelease, err := requirement(traefik.GoMod, gatewayModule)
	if err != nil {
		return err
	}
	gateway, err := build.Download(ctx, gatewayModule, gatewayRelease)
	if err != nil {
		return err
	}

	// Traefik uses the experimental channel only if experimentalChannel is set.
	files, err := filepath.Glob(filepath.Join(gateway.Dir, "config", "crd", "standard", "*.yaml"))
	if err != nil {
		return err
	}
	files = append(files, filepath.Join(traefik.Dir,
		"docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml"))
	if err := c.define(ctx, files); err != nil {
		return err
	}

	return c.TryApply(ctx, c.Admin(), operator)
}

// define applies definitions of resources and waits until they are usable.
func (c *Cluster) define(ctx context.Context, files []string) error {
	var manifests []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		manifests = append(manifests, string(content))
	}
	if err := c.TryApply(ctx, c.Admin(), manifests...); err != nil {
		return err
	}

	return c.each(manifests, func(object *unstructured.Unstructured) error {
		if object.GetKind() != "CustomResourceDefinition" {
			return nil
		}
		return until(ctx, func() error { return c.defined(ctx, object) })
	})
}

// defined returns an error until the definition is established and all of its versions are
// discovered.
func (c *Cluster) defined(ctx context.Context, definition *unstructured.Unstructured) error {
	resource, err := c.resource(c.Admin(), "", definition)
	if err != nil {
		return err
	}
	current, err := resource.Get(ctx, definition.GetName(), metav1.GetOptions{})
	if err != nil {
		return err
	}
	conditions, _, err := unstructured.NestedSlice(current.Object, "status", "conditions")
	if err != nil {
		return err
	}
	established := false
	for _, condition := range conditions {
		fields, ok := condition.(map[string]any)
		established = established || ok && fields["type"] == "Established" &&
			fields["status"] == "True"
	}
	if !established {
		return fmt.Errorf("%s is not established", definition.GetName())
	}

	group, _, err := unstructured.NestedString(current.Object, "spec", "group")
	if err != nil {
		return err
	}
	kind, _, err := unstructured.NestedString(current.Object, "spec", "names", "kind")
	if err != nil {
		return err
	}
	version, _, err := unstructured.NestedSlice(current.Object, "status", "storedVersions")
	if err != nil || len(version) == 0 {
		return fmt.Errorf("%s has no stored version: %w", definition.GetName(), err)
	}
	probe := &unstructured.Unstructured{}
	probe.SetAPIVersion(fmt.Sprintf("%s/%s", group, version[0]))
	probe.SetKind(kind)
	_, err = c.mapping(probe)

	return err
}

// requirement returns the version of a module that a go.mod file requires.
func requirement(goMod, path string) (string, error) {
	content, err := os.ReadFile(goMod)
	if err != nil {
		return "", err
	}
	file, err := modfile.ParseLax(goMod, content, nil)
	if err != nil {
		return "", err
	}
	for _, require := range file.Require {
		if require.Mod.Path == path {
			return require.Mod.Version, nil
		}
	}

	return "", fmt.Errorf("%s requires no %s", goMod, path)
}
