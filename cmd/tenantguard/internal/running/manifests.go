package running

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// ReadManifests reads the objects in files and in all YAML and JSON files below folders. "-" is
// what in has.
func ReadManifests(paths []string, in io.Reader) (*Objects, error) {
	objects := &Objects{Where: strings.Join(paths, ", ")}
	for _, root := range paths {
		if root == "-" {
			content, err := io.ReadAll(in)
			if err == nil {
				err = objects.readDocuments("standard input", content)
			}
			if err != nil {
				return nil, err
			}
			continue
		}
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || (path != root && !isManifest(path)) {
				return err
			}

			return objects.readFile(path)
		})
		if err != nil {
			return nil, err
		}
	}
	objects.addNamespaces()
	objects.sort()

	return objects, nil
}

// addNamespaces adds the Namespaces that objects lie in and that have no manifest: somebody else
// may write those.
func (o *Objects) addNamespaces() {
	known := map[string]bool{"": true}
	for _, object := range o.All {
		if object.GetKind() == "Namespace" {
			known[object.GetName()] = true
		}
	}
	for _, object := range o.All {
		name := object.GetNamespace()
		if !known[name] {
			known[name] = true
			n := unstructured.Unstructured{}
			n.SetAPIVersion("v1")
			n.SetKind("Namespace")
			n.SetName(name)
			o.add(n, object.File)
		}
	}
}

// ParseManifests reads the objects in a text.
func ParseManifests(name string, content []byte) (*Objects, error) {
	objects := &Objects{Where: name}
	err := objects.readDocuments(name, content)
	objects.sort()

	return objects, err
}

func isManifest(path string) bool {
	switch filepath.Ext(path) {
	case ".yaml", ".yml", ".json":
		return true
	default:
		return false
	}
}

// readFile reads the documents of a file. One without a kind is none of Kubernetes and left out.
func (o *Objects) readFile(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}

	return o.readDocuments(path, content)
}

func (o *Objects) readDocuments(path string, content []byte) error {
	reader := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	for {
		var decoded any
		err := reader.Decode(&decoded)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: wanted YAML or JSON: %w", path, err)
		}
		document, isMap := decoded.(map[string]any)
		object := unstructured.Unstructured{Object: document}
		if !isMap || object.GetKind() == "" || object.GetAPIVersion() == "" {
			continue // values of a chart, for one
		}
		if !object.IsList() {
			o.add(object, path)
			continue
		}
		err = object.EachListItem(func(item runtime.Object) error {
			if one, ok := item.(*unstructured.Unstructured); ok {
				o.add(*one, path)
			}

			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
}
