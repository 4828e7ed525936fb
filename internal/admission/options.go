package admission

import "strings"

// Options are what an operator may choose.
type Options struct {
	// Label is the label of a Namespace that names its tenant.
	Label string
	// Prefix is what the annotations of a Namespace begin with, without the slash.
	Prefix string
	// Gateways are the operators' Gateways, as namespace/name.
	Gateways []string
	// OperatorNamespaces are those in which only operators write: no policy is for them.
	OperatorNamespaces []string
	// Plugin is the name of the guard in Traefik's static configuration.
	Plugin string
	// OwnersNamespace and OwnersName are where the ConfigMap of owners lies.
	OwnersNamespace, OwnersName string
}

// Defaults returns the options that the files of examples/kubernetes/admission are written with.
func Defaults() Options {
	return Options{
		Label:              "tenantguard.io/tenant",
		Prefix:             "tenantguard.io",
		Gateways:           []string{"traefik/gateway"},
		OperatorNamespaces: []string{"kube-system", "traefik"},
		Plugin:             "tenantguard",
		OwnersNamespace:    "traefik",
		OwnersName:         "tenantguard-owners",
	}
}

// fill writes the options into an expression or a message: $label, $hosts, $mode and $allow are the
// marks of a Namespace.
func (o Options) fill(text string) string {
	return strings.NewReplacer(
		"$label", o.Label,
		"$hosts", o.Prefix+"/hosts",
		"$mode", o.Prefix+"/mode",
		"$allow", o.Prefix+"/allow",
		"$plugin", o.Plugin,
		"$owners", o.OwnersNamespace+"/"+o.OwnersName,
		"$gateways", quoted(o.Gateways),
	).Replace(text)
}

// quoted returns a list of strings in CEL, without its brackets.
func quoted(list []string) string {
	var texts []string
	for _, text := range list {
		texts = append(texts, "'"+text+"'")
	}
	return strings.Join(texts, ", ")
}
