package audit

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
)

// defaults finds the TLS options and stores that are everybody's.
func (a *auditor) defaults() {
	for _, kind := range []string{"TLSStore", "TLSOption"} {
		for _, object := range a.Objects.Of(kind) {
			if object.GetName() != "default" || a.isOperators(object.GetNamespace()) {
				continue
			}
			a.find(a.ofObject("setting-default-tls", object,
				"It is in force for every host, whatever namespace it lies in. With "+
					"defaultTLSResourcesNamespace it is ignored.",
				"Give the routes that need it a certificate by tls.secretName, or options by "+
					"name, and remove it."))
		}
	}
}

// renames lists the names that safeNaming changes, unless Traefik has safe names already.
func (a *auditor) renames() {
	if a.Traefik != nil {
		legacy, safe := a.namings()
		if len(legacy) > 0 {
			f := finding.New("safe-naming-off", "kubernetesCRD",
				fmt.Sprintf("Routers have legacy names, such as %s, which prove no namespace: the "+
					"guard denies those that could be several tenants'.", legacy[0]),
				"Turn it on together with what setting-safe-naming lists.")
			f.Fix, f.Where = "--providers.kubernetesCRD.safeNaming=true", a.Traefik.Where
			a.find(f)
		}
		if safe {
			return
		}
	}
	for _, kind := range []string{"IngressRoute", "IngressRouteTCP"} {
		for _, object := range a.Objects.Of(kind) {
			for i, route := range items(object.Object, "spec", "routes") {
				hash := sha256.Sum256([]byte(text(route, "match")))
				old := fmt.Sprintf("%s-%s-%.10x", object.GetNamespace(), object.GetName(), hash[:])
				if kind == "IngressRoute" {
					old = normalize(old)
				}
				a.report.Renamed = append(a.report.Renamed, Rename{
					Object: object.Title(), Old: old + "@kubernetescrd",
					New: fmt.Sprintf("%s_%s_%d@kubernetescrd",
						object.GetNamespace(), object.GetName(), i),
				})
			}
		}
	}
	for _, object := range a.named() {
		a.report.Renamed = append(a.report.Renamed, Rename{
			Object: object.Title(),
			Old:    normalize(object.GetNamespace()+"-"+object.GetName()) + "@kubernetescrd",
			New:    object.GetNamespace() + "_" + object.GetName() + "@kubernetescrd",
		})
	}
}

// namings returns routers of CRDs with legacy names, and reports whether there are safe ones.
func (a *auditor) namings() (legacy []string, safe bool) {
	for _, r := range a.routes {
		if r.provider() != "kubernetescrd" {
			continue
		}
		if strings.Contains(r.name, "_") {
			safe = true
		} else {
			legacy = append(legacy, r.name)
		}
	}

	return legacy, safe
}
