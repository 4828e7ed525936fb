package hosts

// Each calls visit for every pattern and its owner, in no order.
func (t *Table) Each(visit func(pattern Pattern, owner string)) {
	each(kindExact, t.exact, visit)
	each(kindOne, t.one, visit)
	each(kindDeep, t.deep, visit)
}

func each(kind int, patterns map[Name]string, visit func(pattern Pattern, owner string)) {
	for name, owner := range patterns {
		visit(Pattern{kind: kind, name: name}, owner)
	}
}
