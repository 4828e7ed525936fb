// Package text has what several packages do to a text that somebody else wrote.
package text

import (
	"regexp"
	"unicode/utf8"
)

// NamespacePattern is a regular expression for the name of a namespace, a label of RFC 1123, to be
// used within others: it has no anchors and no groups.
const NamespacePattern = `[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?`

var namespace = regexp.MustCompile(`^` + NamespacePattern + `$`)

// IsNamespace reports whether a text may be the name of a namespace.
func IsNamespace(name string) bool {
	return namespace.MatchString(name)
}

// Bound returns the text, or its first bytes, at most as many as said, with an ellipsis after them.
// It cuts between two characters.
func Bound(text string, most int) string {
	if len(text) <= most {
		return text
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
