package admission

import (
	"sort"
	"strings"
)

// Webhook is what an operator may choose of the webhook that reads the certificates of Secrets.
type Webhook struct {
	// Namespace and Service are where it runs.
	Namespace, Service string
	// Annotations are those of its configuration, such as that of cert-manager's injector.
	Annotations map[string]string
}

// DefaultWebhook returns the choices that examples/kubernetes/webhook is written with.
func DefaultWebhook() Webhook {
	return Webhook{Namespace: "traefik", Service: "tenantguard-webhook"}
}

// WebhookName is the name of the webhook's configuration.
const WebhookName = "tenantguard"

const webhookComment = `
Has the webhook asked for what policies can't read: the certificates in Secrets. Only in labelled
Namespaces: while the webhook is down their certificates can't change, and nobody else notices.
Written by go generate ./internal/admission. The webhook itself fills in caBundle (--self-signed);
with a certificate of cert-manager's, annotate this with cert-manager.io/inject-ca-from instead.`

// hook is one webhook of the configuration.
type hook struct {
	name       string
	comment    string
	resources  []resource
	parts      []string
	conditions []expression
	// cluster reports whether the objects are Namespaces, which are chosen by their own labels.
	cluster bool
}

func (o Options) hooks() []hook {
	marks := "['" + o.fill("$hosts") + "', '" + o.fill("$mode") + "', '" + o.fill("$allow") + "']"
	const of = ".metadata.?annotations[?key].orValue('')"
	return []hook{
		{
			name: "secrets",
			comment: `
Stops a certificate for a host of others: a Secret with tls.crt, whatever its type.`,
			resources: []resource{{"", []string{"secrets"}}},
			parts:     []string{"data"},
			conditions: []expression{
				{"has-a-certificate", "'tls.crt' in object.?data.orValue({})"},
			},
		},
		{
			name: "shared",
			comment: `
Stops what is everybody's, as the policies tls and gateways do.`,
			resources: []resource{
				{"traefik.io", []string{"tlsstores", "tlsoptions"}},
				{gatewayGroup, []string{"gateways", "listenersets"}},
				{"gateway.networking.x-k8s.io", []string{"xlistenersets"}},
			},
			parts: []string{"spec"},
		},
		{
			name: "namespaces",
			comment: `
Stops a label or annotation that the guard would leave out, such as a host of another tenant, also
where operators write it. Who may write them is for the policy tenantguard-namespaces. Whoever takes
them away, as the last update of a deleted Namespace may, is not asked about.`,
			resources: []resource{{"", []string{
				"namespaces", "namespaces/status", "namespaces/finalize"}}},
			cluster: true,
			conditions: []expression{{"marks-are-set", `
request.operation == 'CREATE' ||
!(object.metadata.?labels[?'` + o.Label + `'].orValue('') in
  ['', oldObject.metadata.?labels[?'` + o.Label + `'].orValue('')]) ||
` + marks + `.exists(key,
  !(object` + of + ` in
    ['', oldObject` + of + `]))`}},
		},
	}
}

// WebhookYAML returns the ValidatingWebhookConfiguration.
func (o Options) WebhookYAML(hook Webhook) string {
	w := &writer{}
	w.comment(0, webhookComment)
	w.line(0, "apiVersion: admissionregistration.k8s.io/v1")
	w.line(0, "kind: ValidatingWebhookConfiguration")
	w.line(0, "metadata:")
	w.line(2, "name: %s", WebhookName)
	if len(hook.Annotations) > 0 {
		w.line(2, "annotations:")
		for _, key := range sortedKeys(hook.Annotations) {
			w.line(4, "%s: %q", key, hook.Annotations[key])
		}
	}
	w.line(0, "webhooks:")
	for _, h := range o.hooks() {
		o.hookYAML(w, h, hook)
	}
	return w.String()
}

func (o Options) hookYAML(w *writer, h hook, at Webhook) {
	w.comment(2, h.comment)
	w.line(2, "- name: %s.tenantguard.io", h.name)
	w.line(4, "admissionReviewVersions: [v1]")
	w.line(4, "sideEffects: None")
	w.line(4, "timeoutSeconds: 10")
	w.line(4, "failurePolicy: Fail")
	w.line(4, "clientConfig:")
	w.line(6, "service: {namespace: %s, name: %s, path: /validate, port: 443}",
		at.Namespace, at.Service)
	w.line(4, "rules:")
	for _, r := range h.resources {
		w.line(6, "- apiGroups: [%q]", r.group)
		w.line(8, "apiVersions: [\"*\"]")
		w.line(8, "resources: [%s]", strings.Join(r.names, ", "))
		w.line(8, "operations: [CREATE, UPDATE]")
	}
	w.line(4, "namespaceSelector:")
	w.line(6, "matchExpressions:")
	w.line(8, "- {key: %s, operator: Exists}", o.Label)
	w.line(8, "- key: kubernetes.io/metadata.name")
	w.line(10, "operator: NotIn")
	w.line(10, "values: [%s]", strings.Join(o.OperatorNamespaces, ", "))
	w.line(4, "matchConditions:")
	if !h.cluster {
		w.line(6, "- name: not-an-operator")
		w.block(8, "expression",
			"!"+operator+" ||\nrequest.userInfo.username.matches(r'"+deployer+"')")
	}
	if len(h.parts) > 0 {
		w.line(6, "- name: changed")
		w.block(8, "expression", changed(h.parts))
	}
	for _, condition := range h.conditions {
		w.line(6, "- name: %s", condition.name)
		w.block(8, "expression", condition.cel)
	}
}

func sortedKeys(of map[string]string) []string {
	var keys []string
	for key := range of {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
