package admission

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/tenantguard/tenantguard/internal/hosts"
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

// labelName matches the name of a label, perhaps with a prefix.
var labelName = regexp.MustCompile(`^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?` +
	`[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$`)

// Check returns what is wrong with what an operator chose.
func (o Options) Check() error {
	if !labelName.MatchString(o.Label) {
		return fmt.Errorf("label %q: wanted the name of a label, such as %q", o.Label,
			Defaults().Label)
	}
	for _, text := range o.Hosts {
		filled := strings.NewReplacer("{namespace}", "x", "{tenant}", "x").Replace(text)
		if _, err := hosts.ParsePattern(filled); err != nil || filled == text {
			return fmt.Errorf("hosts: %q: wanted a host pattern with {namespace} or {tenant},"+
				` such as "{namespace}.example.com"`, text)
		}
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
