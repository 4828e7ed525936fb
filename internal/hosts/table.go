package hosts

import "strings"

// Table maps patterns to their owners.
type Table struct {
	exact map[Name]string
	one   map[Name]string
	deep  map[Name]string
}

// NewTable returns an empty table.
func NewTable() *Table {
	return &Table{exact: map[Name]string{}, one: map[Name]string{}, deep: map[Name]string{}}
}

// Add gives a pattern to an owner and returns the owner it already has, "" for none.
// A pattern keeps its first owner.
func (t *Table) Add(p Pattern, owner string) string {
	patterns := t.of(p)
	if have := patterns[p.name]; have != "" {
		return have
	}
	patterns[p.name] = owner
	return ""
}

// PatternOwner is the owner of the very pattern, "" for none.
func (t *Table) PatternOwner(p Pattern) string {
	return t.of(p)[p.name]
}

func (t *Table) of(p Pattern) map[Name]string {
	if p.kind == kindOne {
		return t.one
	}
	if p.kind == kindDeep {
		return t.deep
	}
	return t.exact
}

// Owner returns whose name it is, "" where it is unowned: the exact pattern first, then the longest
// suffix, and at the same suffix "*" before "**". An IP literal has only an exact owner: what comes
// after a dot of it is no DNS name, and so no pattern's suffix.
func (t *Table) Owner(name Name) string {
	if owner := t.exact[name]; owner != "" {
		return owner
	}
	suffix := parent(name)
	if owner := t.one[suffix]; owner != "" {
		return owner
	}
	return t.deepOwner(suffix)
}

// PatternOf returns the pattern that gives a name its owner, "" where it is unowned.
func (t *Table) PatternOf(name Name) string {
	if t.exact[name] != "" {
		return string(name)
	}
	if t.Owner(name) == "" {
		return ""
	}
	suffix := parent(name)
	if t.one[suffix] != "" {
		return "*." + string(suffix)
	}
	for t.deep[suffix] == "" {
		suffix = parent(suffix)
	}
	return "**." + string(suffix)
}

// Covering returns the owner of the pattern itself, or of what matches where it does, "" for none.
// What is more specific than the pattern does not count.
func (t *Table) Covering(p Pattern) string {
	if p.kind == kindExact {
		return t.Owner(p.name)
	}
	if owner := t.one[p.name]; owner != "" && p.kind == kindOne {
		return owner
	}
	return t.deepOwner(p.name)
}

// CoversAll reports whether a certificate's name is the owner's: the name itself, or, for a
// wildcard, one pattern of the owner that covers every name it stands for, one label below its
// suffix (RFC 9525 section 6.3).
func (t *Table) CoversAll(certificateName string, owner string) bool {
	below, wildcard := strings.CutPrefix(certificateName, "*.")
	if !wildcard {
		name := ParseName(certificateName)
		return name != "" && t.Owner(name) == owner
	}
	suffix := ParseDNS(below)
	if suffix == "" {
		return false
	}
	if t.one[suffix] == owner {
		return true
	}
	for suffix != "" {
		if t.deep[suffix] == owner {
			return true
		}
		suffix = parent(suffix)
	}
	return false
}

// deepOwner finds the owner of the longest "**" pattern at or above the suffix.
func (t *Table) deepOwner(suffix Name) string {
	if len(t.deep) == 0 {
		return ""
	}
	for suffix != "" {
		if owner := t.deep[suffix]; owner != "" {
			return owner
		}
		suffix = parent(suffix)
	}
	return ""
}

// parent is the name without its first label, "" for a single label.
func parent(name Name) Name {
	_, rest, _ := strings.Cut(string(name), ".")
	return Name(rest)
}

// Authority returns a name as a Host header has it: an IPv6 address in brackets.
func Authority(name Name) string {
	if strings.Contains(string(name), ":") {
		return "[" + string(name) + "]"
	}
	return string(name)
}

// IsAddress reports whether a name is an IP literal: a DNS name's last label is never a number.
func IsAddress(name Name) bool {
	s := string(name)
	return strings.Contains(s, ":") || numeric.MatchString(s[strings.LastIndex(s, ".")+1:])
}
