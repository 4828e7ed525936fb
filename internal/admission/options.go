package admission

import (
	"errors"
	"strings"

	"github.com/tenantguard/tenantguard/internal/policy"
)

// Options are what an operator may choose.
type Options struct {
	// Label is the label of a Namespace that names its tenant.
	Label string
	// LabelByPlatform leaves it to the platform who may write the label: one that sets it on what
	// tenants themselves create, as Capsule does, and that lets nobody choose.
	LabelByPlatform bool
	// Hosts are host patterns that every Namespace with a tenant has, as kubernetes.hosts: with
	// {namespace} and {tenant} for its name and its tenant's.
	Hosts []string
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

// Check returns what the guard would find wrong with the label and the hosts.
func (o Options) Check() error {
	section := map[string]any{"enabled": true, "tenantLabel": o.Label}
	if len(o.Hosts) > 0 {
		section["hosts"] = strings.Join(o.Hosts, ",")
	}
	keys := policy.ParseKeys(map[string]any{"kubernetes": section}, "", "")
	if len(keys.Errors) > 0 {
		return errors.New(strings.Join(keys.Errors, "; "))
	}
	return nil
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
		"$templates", quoted(o.Hosts),
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
