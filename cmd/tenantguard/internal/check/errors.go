package check

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/tenantguard/tenantguard/internal/policy"
)

// errorParts are the path of a key, a tenant's name and the value, of an error in the plugin's
// words.
var errorParts = regexp.MustCompile(
	`^([A-Za-z][A-Za-z0-9.]*(?:\[\d+\][A-Za-z0-9.]*)*)(?: of ("(?:[^"\\]|\\.)*"))?: ` +
		`(?:("(?:[^"\\]|\\.)*"): )?`)

// jsonLine is the line that a policy file is wrong in.
var jsonLine = regexp.MustCompile(`^line (\d+), `)

// doCorrect is what to do about an error.
const doCorrect = "Correct it. Until then the last policy without errors stays in force, and a " +
	"Traefik that starts anew answers every request with 503."

// doAbout returns what to do about an error. Some are no errors in Traefik, which has other files
// and variables than we have.
func doAbout(text string) string {
	for _, here := range []struct{ fragment, do string }{
		{"no such file or directory", "If Traefik has the file there, say where it is here with " +
			"--file PATH=FILE."},
		{policy.OperatorNamespacesVariable, "If Traefik has that variable, say what it has with " +
			"--operator-namespaces."},
		{policy.OperatorProvidersVariable, "If Traefik has that variable, say what it has with " +
			"--operator-providers."},
		{policy.PolicyFileVariable, "If Traefik has that variable, say what it has with " +
			"--policy-file."},
	} {
		if strings.Contains(text, here.fragment) {
			return here.do + " Else correct it" + strings.TrimPrefix(doCorrect, "Correct it")
		}
	}

	return doCorrect
}

// errors adds the plugin's errors.
func (c *policyCheck) errors() {
	for _, text := range c.loaded.Errors {
		path, tenant, value := partsOf(text)
		subject := path
		if subject == "" {
			subject = c.loaded.Middleware
		}
		f := c.add("policy-error", path, subject, text, doAbout(text))
		f.Where = c.loaded.Place(path, value)
		f.Tenant = tenant
		if path == "policyFile" && value != "" {
			rest := text[len(errorParts.FindString(text)):]
			if match := jsonLine.FindStringSubmatch(rest); match != nil {
				line, _ := strconv.Atoi(match[1])
				f.Where = c.loaded.PlaceOfLine(line)
			}
		}
	}
}

// partsOf returns what an error is about.
func partsOf(text string) (path, tenant, value string) {
	match := errorParts.FindStringSubmatch(text)
	if match == nil {
		return "", "", ""
	}
	tenant, _ = strconv.Unquote(match[2])
	value, _ = strconv.Unquote(match[3])

	return match[1], tenant, value
}
