package cluster

import (
	"github.com/tenantguard/tenantguard/internal/kube"
	"github.com/tenantguard/tenantguard/internal/policy"
)

// page is a part of a NamespaceList.
type page struct {
	Kind     string        `json:"kind"`
	Metadata kube.ListMeta `json:"metadata"`
	Items    []object      `json:"items"`
}

// object is what is read of a Namespace.
type object struct {
	Metadata metadata `json:"metadata"`
}

type metadata struct {
	Name              string            `json:"name"`
	CreationTimestamp string            `json:"creationTimestamp"`
	ResourceVersion   string            `json:"resourceVersion"`
	Labels            map[string]string `json:"labels"`
	Annotations       map[string]string `json:"annotations"`
}

func (o object) namespace(tenantLabel string) policy.Namespace {
	m := o.Metadata
	return policy.NewNamespace(
		m.Name, m.CreationTimestamp, tenantLabel, m.Labels, m.Annotations)
}

// readPage adds the Namespaces of a page.
func (s *source) readPage(
	body []byte, all map[string]policy.Namespace,
) (kube.ListMeta, error) {
	var p page
	if err := kube.Decode(body, "NamespaceList", &p, &p.Kind); err != nil {
		return kube.ListMeta{}, err
	}
	for _, o := range p.Items {
		all[o.Metadata.Name] = o.namespace(s.tenantLabel)
	}
	return p.Metadata, nil
}
