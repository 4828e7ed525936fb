package admission

import (
	"fmt"
	"strconv"
	"strings"
)

// operator holds for a user who may override what tenants are held to. It is asked for the cluster
// and not for a namespace: in a namespace of their own many users have all rights, this one too.
const operator = "authorizer.group('tenantguard.io').resource('tenants')" +
	".check('override').allowed()"

// deployer matches the accounts of GitOps controllers, which often have all rights and so this one,
// but apply what tenants write.
const deployer = "^system:serviceaccount:[^:]+:" +
	"(argocd-application-controller|kustomize-controller|helm-controller)$"

// writer writes YAML line by line.
type writer struct {
	strings.Builder
}

func (w *writer) line(indent int, format string, values ...any) {
	text := format
	if len(values) > 0 {
		text = fmt.Sprintf(format, values...)
	}
	w.WriteString(strings.Repeat(" ", indent) + text + "\n")
}

// comment writes a text as comments.
func (w *writer) comment(indent int, text string) {
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		w.line(indent, "%s", "# "+strings.TrimSpace(line))
	}
}

// block writes a key with an expression, whose lines stay as they are written here.
func (w *writer) block(indent int, key, cel string) {
	cel = strings.Trim(cel, "\n")
	lines := strings.Split(cel, "\n")
	if len(lines) == 1 && cel != "false" && !strings.ContainsAny(cel[:1], "!'\"[{&*|>%@`") &&
		!strings.Contains(cel, ": ") && !strings.Contains(cel, " #") {
		w.line(indent, "%s", key+": "+cel)
		return
	}
	w.line(indent, "%s", key+": |-")
	indent += 2
	if strings.HasPrefix(key, "- ") {
		indent += 2
	}
	for _, line := range lines {
		w.line(indent, "%s", line)
	}
}

func (o Options) policyYAML(p check) string {
	w := &writer{}
	w.comment(0, p.comment)
	w.line(0, "apiVersion: admissionregistration.k8s.io/v1")
	w.line(0, "kind: ValidatingAdmissionPolicy")
	w.line(0, "metadata:")
	w.line(2, "name: tenantguard-%s", p.name)
	w.line(0, "spec:")
	w.line(2, "failurePolicy: Fail")
	if p.owners {
		w.line(2, "paramKind: {apiVersion: v1, kind: ConfigMap}")
	}
	w.line(2, "matchConstraints:")
	w.line(4, "resourceRules:")
	for _, r := range p.resources {
		w.line(6, "- apiGroups: [%s]", strconv.Quote(r.group))
		w.line(8, "apiVersions: [\"*\"]")
		w.line(8, "resources: [%s]", strings.Join(r.names, ", "))
		w.line(8, "operations: [CREATE, UPDATE]")
	}
	o.conditionsYAML(w, p)
	var variables []expression
	if !p.cluster {
		variables = append(variables, expression{"ns", "namespaceObject.metadata.name"})
	}
	variables = append(variables, p.variables...)
	if len(variables) > 0 {
		w.line(2, "variables:")
	}
	for _, v := range variables {
		w.line(4, "- name: %s", v.name)
		w.block(6, "expression", o.fill(v.cel))
	}
	w.line(2, "validations:")
	for _, v := range p.validations {
		w.block(4, "- expression", o.fill(v.cel))
		if v.computed {
			w.block(6, "messageExpression", o.fill(v.message))
		} else {
			w.line(6, "message: %s", strconv.Quote(o.fill(v.message)))
		}
		w.line(6, "reason: Forbidden")
	}
	return w.String()
}

func (o Options) conditionsYAML(w *writer, p check) {
	w.line(2, "matchConditions:")
	w.comment(4, "Operators are told by a right: operators.yaml.")
	w.line(4, "- name: not-an-operator")
	if p.cluster {
		w.block(6, "expression", "!"+operator)
	} else {
		w.block(6, "expression",
			"!"+operator+" ||\nrequest.userInfo.username.matches(r'"+deployer+"')")
	}
	if len(p.parts) > 0 {
		w.comment(4, "What was there before passes unless it is changed, so finalizers can go.")
		w.line(4, "- name: changed")
		w.block(6, "expression", changed(p.parts))
	}
	for _, condition := range p.conditions {
		w.line(4, "- name: %s", condition.name)
		w.block(6, "expression", o.fill(condition.cel))
	}
}

// changed holds for a new object, and for one with a change that counts. Labels and annotations
// may choose who acts on an object.
func changed(parts []string) string {
	cel := "request.operation != 'UPDATE' ||\n"
	for _, part := range parts {
		cel += fmt.Sprintf("object[?'%[1]s'] != oldObject[?'%[1]s'] ||\n", part)
	}
	return cel + "object.metadata[?'labels'] != oldObject.metadata[?'labels'] ||\n" +
		"object.metadata[?'annotations'] != oldObject.metadata[?'annotations']"
}

func (o Options) bindingYAML(p check, actions string) string {
	w := &writer{}
	w.line(0, "apiVersion: admissionregistration.k8s.io/v1")
	w.line(0, "kind: ValidatingAdmissionPolicyBinding")
	w.line(0, "metadata:")
	w.line(2, "name: tenantguard-%s", p.name)
	w.line(0, "spec:")
	w.line(2, "policyName: tenantguard-%s", p.name)
	if p.owners {
		w.line(2, "paramRef:")
		w.line(4, "namespace: %s", o.OwnersNamespace)
		w.line(4, "name: %s", o.OwnersName)
		w.line(4, "parameterNotFoundAction: Deny")
	}
	w.line(2, "validationActions: [%s]", actions)
	if p.cluster {
		return w.String()
	}
	w.line(2, "matchResources:")
	w.line(4, "namespaceSelector:")
	w.line(6, "matchExpressions:")
	w.line(8, "- key: kubernetes.io/metadata.name")
	w.line(10, "operator: NotIn")
	w.line(10, "values: [%s]", strings.Join(o.OperatorNamespaces, ", "))
	if !p.everywhere {
		w.line(8, "- key: %s", o.Label)
		w.line(10, "operator: Exists")
	}
	return w.String()
}
