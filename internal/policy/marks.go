package policy

import (
	"fmt"
	"sort"
	"strings"
)

// What a Namespace says of its tenant. Whoever may write these decides who owns which host.
const (
	// TenantLabel is the label that is read where kubernetes.tenantLabel names none.
	TenantLabel     = "tenantguard.io/tenant"
	HostsAnnotation = "tenantguard.io/hosts"
	ModeAnnotation  = "tenantguard.io/mode"
	// AllowAnnotation is read by the admission policies alone.
	AllowAnnotation = "tenantguard.io/allow"

	markPrefix = "tenantguard.io/"
)

// Namespace is what the cluster says of one Namespace. Two that say the same are equal.
type Namespace struct {
	Name string
	// Created is the creation time as the API writes it (RFC 3339, UTC), which sorts as text.
	Created string
	// Tenant, Hosts and Mode are the label and the annotations, "" where there is none.
	Tenant, Hosts, Mode string
	// Unknown names the keys that are written like these and are none of them, "" for none: a
	// misspelt one would have no effect, and nobody would know.
	Unknown string
}

// NewNamespace returns what the labels and annotations of a Namespace say of its tenant, who is in
// the label of a name.
func NewNamespace(
	name, created, tenantLabel string, labels, annotations map[string]string,
) Namespace {
	return Namespace{
		Name:    name,
		Created: created,
		Tenant:  labels[tenantLabel],
		Hosts:   annotations[HostsAnnotation],
		Mode:    annotations[ModeAnnotation],
		Unknown: unknownMarks(tenantLabel, labels, annotations),
	}
}

// isMarked reports whether a Namespace says anything of a tenant.
func (n Namespace) isMarked() bool {
	return n.Tenant != "" || n.Hosts != "" || n.Mode != "" || n.Unknown != ""
}

// maxUnknown bounds the unknown keys of a Namespace that are named.
const maxUnknown = 10

func unknownMarks(tenantLabel string, labels, annotations map[string]string) string {
	var unknown []string
	for key := range labels {
		if isMark(key) && key != tenantLabel {
			unknown = append(unknown, "label "+quote(key))
		}
	}
	for key := range annotations {
		known := key == HostsAnnotation || key == ModeAnnotation || key == AllowAnnotation
		if isMark(key) && !known {
			unknown = append(unknown, "annotation "+quote(key))
		}
	}
	sort.Strings(unknown)
	if len(unknown) > maxUnknown {
		unknown = unknown[:maxUnknown]
	}
	return strings.Join(unknown, ", ")
}

// isMark reports whether a key is written like ours, in whatever case.
func isMark(key string) bool {
	return len(key) > len(markPrefix) && strings.EqualFold(key[:len(markPrefix)], markPrefix)
}

// wantedMarks is what is said of unknown keys.
func wantedMarks(tenantLabel string) string {
	return fmt.Sprintf("unknown, wanted the label %s and the annotations %s, %s and %s",
		tenantLabel, HostsAnnotation, ModeAnnotation, AllowAnnotation)
}
