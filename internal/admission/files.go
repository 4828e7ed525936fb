package admission

import "strings"

const operatorsYAML = `# Who may do what tenants may not: whoever has the right "override" in the
# whole cluster, such as every cluster-admin. Put your operators in here, and the account that
# deploys Namespaces, and nobody who applies what tenants write.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: tenantguard-operator
rules:
  - apiGroups: [tenantguard.io]
    resources: [tenants]
    verbs: [override]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: tenantguard-operator
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: tenantguard-operator
subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: Group
    name: platform-operators
  - apiGroup: rbac.authorization.k8s.io
    kind: User
    name: platform-operator
`

const warnComment = `
Says what would be refused, to the user and in the audit log, and refuses nothing. Only the marks of
Namespaces are protected from the first day. Apply deny/ over it when nothing is said any more.`

const denyComment = `
Refuses what the policies say. These bindings replace those of warn/, which have the same names.`

const ownersComment = `
The second layer, in force: $owners says whose a host is, for hosts inside another tenant's wildcard
and for Ingresses whose names in Traefik can be another tenant's. While the ConfigMap is missing
everything that these policies are for is refused.`

const ownersWarnComment = `
The second layer, as in owners.yaml, but it only says what would be refused.`

// Files returns the content of each file by its path below examples/kubernetes/admission.
func (o Options) Files() map[string]string {
	files := map[string]string{"policies/operators.yaml": operatorsYAML}
	for _, p := range o.policies() {
		files["policies/"+p.name+".yaml"] = o.policyYAML(p)
	}
	var owners []string
	for _, p := range o.ownersPolicies() {
		owners = append(owners, o.policyYAML(p))
	}
	files["policies/owners.yaml"] = strings.Join(owners, "---\n")

	const warn, deny = "Warn, Audit", "Deny"
	files["warn/bindings.yaml"] = o.bindings(warnComment, o.policies(), warn)
	files["deny/bindings.yaml"] = o.bindings(denyComment, o.policies(), deny)
	files["owners-warn.yaml"] = o.bindings(ownersWarnComment, o.ownersPolicies(), warn)
	files["owners.yaml"] = o.bindings(ownersComment, o.ownersPolicies(), deny)
	return files
}

// bindings returns the bindings of policies. The marks of Namespaces are always protected: every
// policy rests on them.
func (o Options) bindings(comment string, policies []check, actions string) string {
	w := &writer{}
	w.comment(0, o.fill(comment))
	for i, p := range policies {
		if i > 0 {
			w.line(0, "---")
		}
		if p.cluster {
			w.WriteString(o.bindingYAML(p, "Deny"))
			continue
		}
		w.WriteString(o.bindingYAML(p, actions))
	}
	return w.String()
}
