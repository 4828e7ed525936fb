// Package admission writes the ValidatingAdmissionPolicies of examples/kubernetes/admission: what a
// middleware never sees is refused when it is created. A policy reads the label and the annotations
// of the object's own Namespace, which only operators may write. What policies have in common is
// written once here; the YAML is what operators apply and review.
//
// Nothing of the plugin imports this package, so the interpreter never sees it.
package admission

//go:generate go run ./generate
