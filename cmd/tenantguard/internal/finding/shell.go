package finding

import (
	"regexp"
	"strings"
)

// plainWord is a word that no shell takes for anything else.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+:,./][A-Za-z0-9_@%+=:,./-]*$`)

// Word returns a text as one word of a command: manifests have names that somebody else wrote, and
// whoever is told what to do may well do it.
func Word(text string) string {
	if plainWord.MatchString(text) {
		return text
	}

	return Quoted(text)
}

// Quoted returns a text in quotes, for a shell.
func Quoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
