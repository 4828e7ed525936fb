package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

// reference is a name in an object that means something outside its namespace.
type reference struct {
	object running.Object
	// namespace and name are what it means, and other what it means of another provider.
	namespace, name, other string
}

// references finds what objects of Traefik name outside their namespace: what breaks with
// allowCrossNamespace: false and crossProviderNamespaces, and what is another tenant's.
func (a *auditor) references() {
	for _, kind := range []string{"IngressRoute", "IngressRouteTCP", "IngressRouteUDP",
		"TraefikService", "Middleware"} {
		for _, object := range a.Objects.Of(kind) {
			seen := map[string]bool{}
			for _, ref := range referencesIn(object, sub(object.Object, "spec")) {
				key := ref.namespace + "/" + ref.name + ref.other
				if !seen[key] {
					seen[key] = true
					a.ofReference(ref)
				}
			}
		}
	}
}

// referencesIn walks through everything in an object that has a name.
func referencesIn(object running.Object, value any) []reference {
	var found []reference
	switch as := value.(type) {
	case []any:
		for _, one := range as {
			found = append(found, referencesIn(object, one)...)
		}
	case map[string]any:
		name, namespace := text(as, "name"), text(as, "namespace")
		for _, named := range []string{name, text(as, "serversTransport")} {
			if strings.Contains(named, "@") {
				found = append(found, reference{object: object, other: named})
			}
		}
		if name != "" && !strings.Contains(name, "@") && namespace != "" &&
			namespace != object.GetNamespace() {
			found = append(found, reference{object: object, namespace: namespace, name: name})
		}
		for key, one := range as {
			if key != "plugin" {
				found = append(found, referencesIn(object, one)...)
			}
		}
	}
	slices.SortFunc(found, func(x, y reference) int {
		return strings.Compare(x.namespace+x.name+x.other, y.namespace+y.name+y.other)
	})

	return found
}

func (a *auditor) ofObject(id string, o running.Object, message, do string) finding.Finding {
	f := finding.New(id, o.Title(), message, do)
	f.Tenant, f.Where = a.tenantOf(o.GetNamespace()), o.Place()

	return f
}

func (a *auditor) ofReference(ref reference) {
	own := ref.object.GetNamespace()
	if ref.other != "" {
		a.ofOtherProvider(ref)
		return
	}
	target := ref.namespace + "/" + ref.name
	if !a.isOperators(own) && a.tenantOf(own) != a.tenantOf(ref.namespace) {
		a.find(a.ofObject("reference-foreign", ref.object,
			fmt.Sprintf("It uses %s of %s.", target, a.whoseNamespace(ref.namespace)),
			"Copy what it uses to its own namespace, and keep allowCrossNamespace: false."))
	}
	a.find(a.ofObject("setting-cross-namespace", ref.object,
		fmt.Sprintf("It names %s of another namespace. With allowCrossNamespace: false the route "+
			"that needs it is gone.", target),
		"Copy "+target+" to the namespace "+own+"."))
}

func (a *auditor) ofOtherProvider(ref reference) {
	own := ref.object.GetNamespace()
	if strings.HasSuffix(ref.other, "@internal") && !a.isOperators(own) &&
		!strings.HasPrefix(ref.other, "noop") {
		a.find(a.ofObject("service-internal", ref.object,
			fmt.Sprintf("It leads to %s, Traefik's own: the API shows the routers and "+
				"middlewares of "+
				"all tenants, with passwords in them.", quoted(ref.other)),
			"Remove it, and set providers.kubernetesCRD.crossProviderNamespaces."))
	}
	if !a.isOperators(own) {
		a.find(a.ofObject("setting-cross-provider", ref.object,
			fmt.Sprintf("It names %s. When crossProviderNamespaces does not list %s the route is "+
				"gone.", quoted(ref.other), own),
			"Make what it names in its own namespace, and name it without @."))
	}
	a.oldName(ref.object, ref.other)
}

func (a *auditor) whoseNamespace(namespace string) string {
	if tenant := a.tenantOf(namespace); tenant != "" {
		return "tenant " + tenant
	}
	if a.isOperators(namespace) {
		return "the platform"
	}

	return "no tenant"
}

// annotations finds what Ingresses and Services name by annotations.
func (a *auditor) annotations() {
	for _, kind := range []string{"Ingress", "Service"} {
		for _, object := range a.Objects.Of(kind) {
			for key, value := range object.GetAnnotations() {
				if strings.HasPrefix(key, annotationPrefix) {
					a.ofAnnotation(object, key, value)
				}
			}
		}
	}
	if a.Traefik == nil {
		return
	}
	for _, e := range a.Traefik.EntryPoints {
		for _, name := range e.HTTP.Middlewares {
			if renamed := a.newName(name); renamed != "" {
				a.find(finding.New("setting-safe-naming", "entry point "+e.Name,
					oldNameMessage(name, renamed), together(renamed)))
			}
		}
	}
	for _, r := range a.routes {
		for _, name := range r.middlewares {
			if renamed := a.newName(name); renamed != "" && r.provider() != "kubernetescrd" &&
				!strings.HasPrefix(r.provider(), "kubernetes") && !a.ofItsEntryPoint(r, name) {
				a.find(a.ofRoute("setting-safe-naming", r, oldNameMessage(name, renamed),
					together(renamed)))
			}
		}
	}
}

// ofItsEntryPoint reports whether a router has a middleware from its entry point.
func (a *auditor) ofItsEntryPoint(r *route, name string) bool {
	return slices.ContainsFunc(a.Traefik.EntryPoints, func(e running.EntryPoint) bool {
		return slices.Contains(r.entryPoints, e.Name) && slices.Contains(e.HTTP.Middlewares, name)
	})
}

func (a *auditor) ofAnnotation(object running.Object, key, value string) {
	own := object.GetNamespace()
	for _, name := range splitList(value) {
		if !strings.Contains(name, "@") {
			continue
		}
		namespace, candidates := a.namespaceOf(name)
		if object.GetKind() == "Ingress" && !a.isOperators(own) {
			a.find(a.ofObject("setting-ingress-cross-provider", object,
				fmt.Sprintf("Its annotation %s names %s. When kubernetesIngress."+
					"crossProviderNamespaces does not list %s the Ingress is gone.", key,
					quoted(name), own),
				"Make an IngressRoute in its place, or leave the setting off."))
		}
		if namespace != "" && !a.isOperators(own) && a.tenantOf(namespace) != a.tenantOf(own) &&
			!slices.Contains(candidates, own) {
			a.find(a.ofObject("reference-foreign", object,
				fmt.Sprintf("Its annotation %s uses %s of %s.", key, quoted(name),
					a.whoseNamespace(namespace)),
				"Copy what it uses to its own namespace."))
		}
		a.oldName(object, name)
	}
}

// together says what to do about an old name.
func together(renamed string) string {
	return "Change it together with the setting: " + renamed + "."
}

// namespaceOf returns the namespace of a name of kubernetescrd, by the objects that there are, ""
// where none has it, and all that it could be.
func (a *auditor) namespaceOf(qualified string) (namespace string, candidates []string) {
	name, isCRD := strings.CutSuffix(qualified, "@kubernetescrd")
	if !isCRD {
		return "", nil
	}
	if safe, _, found := strings.Cut(name, "_"); found {
		return safe, []string{safe}
	}
	for _, o := range a.named() {
		if normalize(o.GetNamespace()+"-"+o.GetName()) == normalize(name) {
			candidates = append(candidates, o.GetNamespace())
		}
	}
	if len(candidates) == 0 {
		return "", nil
	}

	return candidates[0], candidates
}

// named are the objects of Traefik that others name.
func (a *auditor) named() []running.Object {
	var all []running.Object
	for _, kind := range []string{"Middleware", "TLSOption", "TraefikService", "ServersTransport"} {
		all = append(all, a.Objects.Of(kind)...)
	}

	return all
}

// oldName finds a legacy name, which safeNaming changes.
func (a *auditor) oldName(object running.Object, name string) {
	if renamed := a.newName(name); renamed != "" {
		a.find(a.ofObject("setting-safe-naming", object, oldNameMessage(name, renamed),
			together(renamed)))
	}
}

func oldNameMessage(old, renamed string) string {
	return fmt.Sprintf("It names %s, which safeNaming renames to %s: then the router is gone.",
		quoted(old), quoted(renamed))
}

// newName returns what safeNaming makes of a legacy name of kubernetescrd, "" of others. Where
// nobody knows the object there is a placeholder in it.
func (a *auditor) newName(qualified string) string {
	name, isCRD := strings.CutSuffix(qualified, "@kubernetescrd")
	if !isCRD || strings.Contains(name, "_") {
		return ""
	}
	for _, o := range a.named() {
		if normalize(o.GetNamespace()+"-"+o.GetName()) == normalize(name) {
			return o.GetNamespace() + "_" + o.GetName() + "@kubernetescrd"
		}
	}

	return "NAMESPACE_NAME@kubernetescrd"
}
