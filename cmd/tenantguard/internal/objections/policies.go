// Package objections says of objects that are there already what the admission policies would say
// if they were created now. It evaluates the very policies that internal/admission writes.
package objections

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/tenantguard/tenantguard/internal/admission"
)

// Policies are the admission policies of all kinds of object.
type Policies struct {
	all []*compiled
}

// compiled is one policy.
type compiled struct {
	name      string
	rules     []admissionv1.NamedRuleWithOperations
	selector  labels.Selector
	variables []named
	checks    []check
	// conditions are when the policy is asked, but for those about who asks.
	conditions []cel.Program
}

type named struct {
	name    string
	program cel.Program
}

// check is one validation. say is nil where message is the message.
type check struct {
	holds   cel.Program
	message string
	say     cel.Program
}

// Load compiles the policies for the choices of an operator.
func Load(o admission.Options) (*Policies, error) {
	files := o.Files()
	selectors := map[string]labels.Selector{}
	for _, path := range []string{"deny/bindings.yaml", "owners.yaml"} {
		err := each(files[path], func(b admissionv1.ValidatingAdmissionPolicyBinding) error {
			selector, err := selectorOf(b)
			selectors[b.Spec.PolicyName] = selector

			return err
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	env, err := environment()
	if err != nil {
		return nil, err
	}
	p := &Policies{}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		// The marks of Namespaces are the operators' own here: who wrote them nobody can tell.
		if !strings.HasPrefix(path, "policies/") || path == "policies/operators.yaml" ||
			path == "policies/namespaces.yaml" {
			continue
		}
		err := each(files[path], func(written admissionv1.ValidatingAdmissionPolicy) error {
			one, err := compile(env, written)
			if err != nil {
				return err
			}
			one.selector = selectors[written.Name]
			p.all = append(p.all, one)

			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	slices.SortStableFunc(p.all, func(a, b *compiled) int { return a.layer() - b.layer() })

	return p, nil
}

// layer is 1 for a policy that needs the ConfigMap of owners, and 0 for others.
func (c *compiled) layer() int {
	if strings.HasPrefix(c.name, "owners-") {
		return 1
	}

	return 0
}

// each decodes the documents of a file.
func each[T any](content string, visit func(T) error) error {
	reader := yaml.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(content)), 4096)
	for {
		var document T
		err := reader.Decode(&document)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = visit(document)
		}
		if err != nil {
			return err
		}
	}
}

func selectorOf(b admissionv1.ValidatingAdmissionPolicyBinding) (labels.Selector, error) {
	if b.Spec.MatchResources == nil {
		return labels.Everything(), nil
	}

	return metav1.LabelSelectorAsSelector(b.Spec.MatchResources.NamespaceSelector)
}

func compile(env *cel.Env, written admissionv1.ValidatingAdmissionPolicy) (*compiled, error) {
	one := &compiled{
		name:  strings.TrimPrefix(written.Name, "tenantguard-"),
		rules: written.Spec.MatchConstraints.ResourceRules,
	}
	for _, c := range written.Spec.MatchConditions {
		if asksWho(c.Expression) || c.Name == "changed" {
			continue
		}
		program, err := programOf(env, c.Expression)
		if err != nil {
			return nil, err
		}
		one.conditions = append(one.conditions, program)
	}
	for _, v := range written.Spec.Variables {
		program, err := programOf(env, v.Expression)
		if err != nil {
			return nil, err
		}
		one.variables = append(one.variables, named{name: v.Name, program: program})
	}
	for _, v := range written.Spec.Validations {
		holds, err := programOf(env, v.Expression)
		if err != nil {
			return nil, err
		}
		c := check{holds: holds, message: v.Message}
		if v.MessageExpression != "" {
			if c.say, err = programOf(env, v.MessageExpression); err != nil {
				return nil, err
			}
		}
		one.checks = append(one.checks, c)
	}

	return one, nil
}

// asksWho reports whether an expression is about who sent a request: what is there has been sent.
func asksWho(expression string) bool {
	return strings.Contains(expression, "authorizer.") ||
		strings.Contains(expression, "request.userInfo")
}

// Request is an object, as a policy looks at it.
type Request struct {
	Group, Resource, Kind string
	// Object is the whole object.
	Object map[string]any
	// Namespace is its Namespace, with labels and annotations.
	Namespace Namespace
	// Owners is the data of the ConfigMap of owners.
	Owners map[string]any
}

// Namespace is what policies see of one.
type Namespace struct {
	Name                string
	Labels, Annotations map[string]string
}

// object is the Namespace as an expression sees it.
func (n Namespace) object() map[string]any {
	return map[string]any{"metadata": map[string]any{
		"name": n.Name, "labels": anyMap(n.Labels), "annotations": anyMap(n.Annotations),
	}}
}

func anyMap(from map[string]string) map[string]any {
	to := make(map[string]any, len(from))
	for key, value := range from {
		to[key] = value
	}

	return to
}

// Objection is why a policy would refuse an object.
type Objection struct {
	// Policy is the name of the policy without its prefix, such as "ingressroutes".
	Policy  string
	Message string
}

// Check returns what each policy would say of an object, the first objection of each. What is said
// with the ConfigMap of owners comes last.
func (p *Policies) Check(r Request) []Objection {
	set := labels.Set{"kubernetes.io/metadata.name": r.Namespace.Name}
	for key, value := range r.Namespace.Labels {
		set[key] = value
	}
	var objections []Objection
	for _, one := range p.all {
		if !one.isFor(r.Group, r.Resource) || !one.selector.Matches(set) {
			continue
		}
		if message := one.check(r); message != "" {
			objections = append(objections, Objection{Policy: one.name, Message: message})
		}
	}

	return objections
}

func (c *compiled) isFor(group, resource string) bool {
	return slices.ContainsFunc(c.rules, func(r admissionv1.NamedRuleWithOperations) bool {
		return slices.Contains(r.APIGroups, group) && slices.Contains(r.Resources, resource)
	})
}

// check returns the message of the first validation that does not hold, "" for none. What can't be
// evaluated is refused by the API server too.
func (c *compiled) check(r Request) string {
	name := ""
	if metadata, ok := r.Object["metadata"].(map[string]any); ok {
		name, _ = metadata["name"].(string)
	}
	variables := map[ref.Val]ref.Val{}
	input := map[string]any{
		"object":          r.Object,
		"oldObject":       nil,
		"namespaceObject": r.Namespace.object(),
		"params":          map[string]any{"data": r.Owners},
		"request": map[string]any{
			"operation": "CREATE", "name": name, "kind": map[string]any{"kind": r.Kind},
		},
		"variables": variables,
	}
	for _, condition := range c.conditions {
		if value, _, _ := condition.Eval(input); value != types.True {
			return ""
		}
	}
	for _, v := range c.variables {
		value, _, err := v.program.Eval(input)
		if err != nil {
			value = types.NewErr("%v", err)
		}
		variables[types.String(v.name)] = value
	}
	for _, one := range c.checks {
		value, _, err := one.holds.Eval(input)
		if err != nil {
			return "it can't be checked: " + err.Error()
		}
		if value != types.True {
			return one.messageOf(input)
		}
	}

	return ""
}

func (c check) messageOf(input map[string]any) string {
	if c.say == nil {
		return c.message
	}
	value, _, err := c.say.Eval(input)
	if text, ok := value.(types.String); err == nil && ok {
		return string(text)
	}

	return "it is refused"
}
