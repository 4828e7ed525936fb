package kubetest

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/tenantguard/tenantguard/internal/kube"
)

// NamespacesPath is where the Namespaces are.
const NamespacesPath = kube.NamespacesPath

// Cluster is a cluster that does not change, as an API server shows it. It is a handler for Start.
type Cluster struct {
	Namespaces []Namespace
	// Secrets are those of each namespace.
	Secrets map[string][]Secret
	// Refused are the paths that are answered with a status and nothing else.
	Refused map[string]int
}

// Namespace is a Namespace.
type Namespace struct {
	Name string
	// Created is the creation time as the API writes it.
	Created             string
	Labels, Annotations map[string]string
}

// Secret is a Secret, its data not in base64.
type Secret struct {
	Name, Type string
	Data       map[string]string
}

// ServeHTTP answers as kube-apiserver does.
func (c *Cluster) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	if req.Header.Get("Authorization") != "Bearer "+token {
		rw.WriteHeader(http.StatusUnauthorized)
		return
	}
	if refused := c.Refused[req.URL.Path]; refused != 0 {
		rw.WriteHeader(refused)
		return
	}
	if Watched(req) {
		Hold(rw, req)
		return
	}
	answer := c.answer(req.URL.Path)
	if answer == nil {
		rw.WriteHeader(http.StatusNotFound)
		return
	}
	_ = json.NewEncoder(rw).Encode(answer)
}

// Watched reports whether a request is for a watch.
func Watched(req *http.Request) bool {
	return req.URL.Query().Get("watch") != ""
}

// Hold answers a watch in which nothing happens until the client ends it.
func Hold(rw http.ResponseWriter, req *http.Request) {
	rw.(http.Flusher).Flush()
	<-req.Context().Done()
}

// answer returns the object at a path, or nil. It is made of maps, for the interpreter encodes
// unexported fields too.
func (c *Cluster) answer(path string) map[string]any {
	if path == kube.NamespacesPath {
		items := []any{}
		for _, namespace := range c.Namespaces {
			items = append(items, namespace.object())
		}
		return list("NamespaceList", items)
	}
	below := strings.TrimPrefix(path, kube.NamespacesPath+"/")
	namespace, name, found := strings.Cut(below, "/secrets")
	if !found {
		return nil
	}
	items := []any{}
	for _, secret := range c.Secrets[namespace] {
		object := secret.object()
		if name == "/"+secret.Name {
			object["kind"] = "Secret"
			return object
		}
		items = append(items, object)
	}
	if name != "" {
		return nil
	}
	return list("SecretList", items)
}

func list(kind string, items []any) map[string]any {
	metadata := map[string]any{"resourceVersion": "1"}
	return map[string]any{"kind": kind, "metadata": metadata, "items": items}
}

func (n Namespace) object() map[string]any {
	return map[string]any{"metadata": map[string]any{
		"name":              n.Name,
		"resourceVersion":   "1",
		"creationTimestamp": n.Created,
		"labels":            n.Labels,
		"annotations":       n.Annotations,
	}}
}

// object returns the Secret as it is in a list, without its kind.
func (s Secret) object() map[string]any {
	data := map[string][]byte{}
	for key, value := range s.Data {
		data[key] = []byte(value)
	}
	return map[string]any{"metadata": map[string]any{"name": s.Name}, "type": s.Type, "data": data}
}
