package audit

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxListed bounds the names that a sentence lists, and maxQuoted a text in it.
	maxListed = 5
	maxQuoted = 200
)

// bounded lists names, the first ones of many.
func bounded(names []string) string {
	if len(names) <= maxListed {
		return strings.Join(names, ", ")
	}

	return fmt.Sprintf("%s and %d more",
		strings.Join(names[:maxListed], ", "), len(names)-maxListed)
}

func firstOf(names []string) []string {
	return names[:min(len(names), maxListed)]
}

// quoted is a text that somebody else wrote.
func quoted(text string) string {
	if len(text) > maxQuoted {
		text = text[:maxQuoted] + "…"
	}
	if strings.ContainsAny(text, `"\`) || !strings.Contains(text, "`") {
		return strconv.Quote(text)
	}

	return `"` + text + `"`
}

func quotedAll(texts []string) []string {
	var all []string
	for _, text := range texts {
		all = append(all, strconv.Quote(text))
	}

	return all
}

// upper begins a sentence.
func upper(text string) string {
	r, size := utf8.DecodeRuneInString(text)

	return string(unicode.ToUpper(r)) + text[size:]
}

// sentence makes a sentence of what the plugin says.
func sentence(text string) string {
	return upper(strings.TrimSuffix(text, ".")) + "."
}

// whose names the tenant of a router in a sentence.
func whose(r *route) string {
	if r.tenant() == "" {
		return "no tenant"
	}

	return "tenant " + r.tenant()
}

// whoseHost says whose a host is.
func whoseHost(owner string) string {
	if owner == "" {
		return "nobody's in the policy"
	}

	return "tenant " + owner + "'s"
}

// tenantList names tenants in a sentence, of which "" is none.
func tenantList(names []string) string {
	for i, name := range names {
		if name == "" {
			names[i] = "no tenant"
		}
	}

	return bounded(names)
}
