package admission

// mark is one label or annotation that the guard or a policy reads.
type mark struct {
	kind, name string
}

func (o Options) namespaces() check {
	var validations []validation
	marks := []mark{
		{"annotation", "$hosts"}, {"annotation", "$mode"}, {"annotation", "$allow"},
	}
	if !o.LabelByPlatform {
		marks = append([]mark{{"label", "$label"}}, marks...)
	}
	for _, m := range marks {
		value := ".metadata.?" + m.kind + "s[?'" + m.name + "'].orValue('')"
		validations = append(validations, require(
			"object"+value+" ==\n(request.operation == 'CREATE' ? '' : oldObject"+value+")",
			"only operators may set, change or remove the "+m.kind+" "+m.name))
	}
	return check{
		name: "namespaces",
		comment: `
Keeps everyone but the operators off what says which tenant a Namespace belongs to, which hosts it
has and what it may do, whatever else they may write to Namespaces. Everything else rests on this.`,
		// Labels and annotations can be written through the subresources too.
		resources:   []resource{{"", []string{"namespaces", "namespaces/*"}}},
		everywhere:  true,
		cluster:     true,
		validations: validations,
	}
}
