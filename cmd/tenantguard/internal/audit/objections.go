package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tenantguard/tenantguard/internal/admission"
	"github.com/tenantguard/tenantguard/internal/hosts"
	"github.com/tenantguard/tenantguard/internal/policy"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/objections"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

// isKubernetes reports whether Kubernetes itself writes an EndpointSlice, by what its label says.
func isKubernetes(object running.Object) bool {
	return strings.HasSuffix(
		object.GetLabels()["endpointslice.kubernetes.io/managed-by"], "-controller.k8s.io")
}

// objections asks the admission policies what they would say of each object.
func (a *auditor) objections() error {
	if a.Objects == nil {
		return nil
	}
	policies := a.Objections
	if policies == nil {
		var err error
		if policies, err = objections.Load(a.admission()); err != nil {
			return err
		}
	}
	owners := map[string]any{}
	for key, value := range admission.Owners(a.Policy.Policy, a.claims()) {
		owners[key] = value
	}
	for _, object := range a.Objects.All {
		if object.GetKind() != "Namespace" && !isKubernetes(object) {
			a.ofPolicies(policies, object, owners)
		}
	}

	return nil
}

// admission returns what the operator would choose for the admission policies.
func (a *auditor) admission() admission.Options {
	options := admission.Defaults()
	options.Label = a.Policy.Kubernetes.TenantLabel
	options.OperatorNamespaces = a.OperatorNamespaces
	options.Plugin = a.Plugin
	if rules := a.Policy.Kubernetes.HostRules; rules != "" {
		options.Hosts = strings.Split(rules, ",")
	}
	for _, gateway := range a.Objects.Of("Gateway") {
		name := gateway.GetNamespace() + "/" + gateway.GetName()
		if a.isOperators(gateway.GetNamespace()) && !slices.Contains(options.Gateways, name) {
			options.Gateways = append(options.Gateways, name)
		}
	}

	return options
}

func (a *auditor) ofPolicies(
	policies *objections.Policies, object running.Object, owners map[string]any,
) {
	namespace := a.namespaceObject(object.GetNamespace())
	tenant := namespace.Labels[a.Policy.Kubernetes.TenantLabel]
	if tenant == "" && isRoute[object.GetKind()] {
		return // its router has no tenant, which is said
	}
	group, resource := running.ResourceOf(object)
	found := policies.Check(objections.Request{
		Group: group, Resource: resource, Kind: object.GetKind(), Object: object.Object,
		Namespace: namespace, Owners: owners,
	})
	for i, o := range found {
		if i > 0 && strings.HasPrefix(o.Policy, "owners-") {
			continue // the second layer says once more what the first one says
		}
		f := finding.New("admission-refused", object.Title(),
			fmt.Sprintf("The admission policy tenantguard-%s would refuse it: %s.",
				o.Policy, strings.TrimSuffix(o.Message, ".")),
			"Put it right before the policies are in force: what is there stays, but can't be "+
				"changed.")
		f.Tenant, f.Where = tenant, object.Place()
		a.find(f)
	}
}

// isRoute has the kinds that readRoutes reads.
var isRoute = map[string]bool{
	"IngressRoute": true, "Ingress": true, "HTTPRoute": true, "GRPCRoute": true,
}

// namespaceObject returns what admission policies see of a Namespace. Where the policy lists it and
// it has no label, it is as one with the label and the hosts that say the same.
func (a *auditor) namespaceObject(name string) objections.Namespace {
	if a.namespaced == nil {
		a.namespaced = map[string]objections.Namespace{}
		for _, object := range a.Objects.Of("Namespace") {
			a.namespaced[object.GetName()] = objections.Namespace{
				Name: object.GetName(), Labels: object.GetLabels(),
				Annotations: object.GetAnnotations(),
			}
		}
	}
	known, found := a.namespaced[name]
	if !found {
		known.Name = name
	}
	label := a.Policy.Kubernetes.TenantLabel
	tenant := a.Policy.NamespaceTenant(name)
	if known.Labels[label] != "" || tenant == nil {
		return known
	}
	allow := known.Annotations[policy.AllowAnnotation]
	if tenant.Guest != nil {
		allow = strings.TrimPrefix(allow+", guest:**", ", ")
	}
	known.Labels = with(known.Labels, label, tenant.Name)
	known.Annotations = with(known.Annotations, policy.HostsAnnotation,
		strings.Join(a.patternsOf(tenant.Name), ", "))
	known.Annotations = with(known.Annotations, policy.AllowAnnotation, allow)
	a.namespaced[name] = known

	return known
}

// with returns a copy of labels or annotations with one more.
func with(from map[string]string, key, value string) map[string]string {
	to := map[string]string{key: value}
	for k, v := range from {
		if k != key {
			to[k] = v
		}
	}

	return to
}

// patternsOf returns the hosts of a tenant.
func (a *auditor) patternsOf(tenant string) []string {
	var patterns []string
	a.Policy.Hosts.Each(func(pattern hosts.Pattern, owner string) {
		if owner == tenant {
			patterns = append(patterns, pattern.String())
		}
	})
	slices.Sort(patterns)

	return patterns
}

// claims are the Namespaces as the policy reads them.
func (a *auditor) claims() []policy.Namespace {
	return Namespaces(a.Objects, a.Policy.Kubernetes.TenantLabel)
}

// Namespaces returns what the Namespaces among objects say of tenants, by a label.
func Namespaces(objects *running.Objects, label string) []policy.Namespace {
	var all []policy.Namespace
	for _, object := range objects.Of("Namespace") {
		all = append(all, policy.NewNamespace(object.GetName(), Created(object), label,
			object.GetLabels(), object.GetAnnotations()))
	}

	return all
}

// Created returns when an object was created, as the API writes it.
func Created(object running.Object) string {
	return object.GetCreationTimestamp().UTC().Format("2006-01-02T15:04:05Z")
}

// PluginKeys returns the keys that a Middleware has for a plugin, nil for none.
func PluginKeys(object running.Object, plugin string) map[string]any {
	return sub(object.Object, "spec", "plugin", plugin)
}
