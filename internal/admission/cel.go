package admission

import (
	"fmt"
	"strings"

	"github.com/tenantguard/tenantguard/internal/text"
)

// maxShown is how much of a user's text a message shows. The API server replaces messages of more
// than 5 KiB.
const maxShown = 200

// short is a text, cut where it is long.
func short(text string) string {
	return fmt.Sprintf("(%[1]s.size() > %[2]d ? %[1]s.substring(0, %[2]d) + '...' : %[1]s)",
		text, maxShown)
}

// annotated are the host patterns in the annotation of the Namespace. One that is wrong covers no
// host.
const annotated = `
namespaceObject.metadata.?annotations[?'$hosts'].orValue('').lowerAscii().split(',')
  .map(pattern, pattern.trim()).filter(pattern, pattern != '')`

// byRule are the host patterns that every Namespace with a tenant has by rule. A tenant's name that
// is not one label of a host name, in lower case, would reach into names of others, and gives none.
const byRule = ` +
(variables.tenant == '' ? [] : [$templates].filter(template,
  !template.contains('{tenant}') || variables.tenant.matches(r'^` + text.NamespacePattern + `$'))
  .map(template, template.replace('{namespace}', variables.ns)
    .replace('{tenant}', variables.tenant)))`

// patterns are the host patterns of the Namespace, the last of the variables.
func (o Options) patterns() []expression {
	if len(o.Hosts) == 0 {
		return []expression{{"patterns", annotated}}
	}
	return []expression{
		{"tenant", "namespaceObject.metadata.?labels[?'$label'].orValue('')"},
		{"patterns", annotated + byRule},
	}
}

// guestWord, before a pattern, is a word of the annotation that lets a Namespace have routes for
// hosts of others. The guard holds it to its guest.hosts and guest.paths all the same.
const guestWord = "guest:"

// guests are the host patterns of others for which the Namespace may have routes.
var guests = expression{"guests", fmt.Sprintf(`
variables.allowed.filter(word, word.startsWith('%s'))
  .map(word, word.substring(%d).lowerAscii())`, guestWord, len(guestWord))}

// guestAnywhere holds where the Namespace may have routes for every host, and without one.
var guestAnywhere = expression{"guestAnywhere", "'" + guestWord + "**' in variables.allowed"}

// patternsAndGuests are the variables allowed, patterns and guestAnywhere of routes of HTTP.
func (o Options) patternsAndGuests() []expression {
	variables := append([]expression{allowed, guests, guestAnywhere}, o.patterns()...)
	variables[len(variables)-1].cel += " +\nvariables.guests"
	return variables
}

// orGuestAnywhere is a validation that holds for guests on every host as well.
func (v validation) orGuestAnywhere() validation {
	v.cel = "variables.guestAnywhere || " + v.cel
	return v
}

// allowed are the words of the annotation that lets a Namespace do more than others.
var allowed = expression{"allowed", `
namespaceObject.metadata.?annotations[?'$allow'].orValue('').split(',').map(word, word.trim())`}

// splitNames are the hosts in the variable names, a text with commas.
const splitNames = `
(variables.tooLarge ? [] :
  variables.names.split(',').map(host, host.trim().lowerAscii()).filter(host, host != ''))`

// notTooLarge holds where rules and names are read at all.
var notTooLarge = require("!variables.tooLarge", fmt.Sprintf(
	"its rules and names have more than %d characters together; write several objects", maxText))

// tooMany reports whether there are more hosts and patterns than are compared.
var tooMany = expression{"tooMany", fmt.Sprintf(
	"variables.hosts.size() * variables.patterns.size() > %d", maxPairs)}

// deep are the suffixes of the patterns in a variable that have any depth.
func deep(variable string) expression {
	return expression{"deep", strings.ReplaceAll(`
variables.PATTERNS.filter(pattern, pattern.startsWith('**.'))
  .map(pattern, pattern.substring(2))`, "PATTERNS", variable)}
}

// covered holds where one of the patterns in a variable covers a host, which may be a wildcard
// itself.
func covered(variable string) string {
	return strings.ReplaceAll(`
  host in variables.PATTERNS ||
  host.contains('.') && '*' + host.substring(host.indexOf('.')) in variables.PATTERNS ||
  variables.deep.exists(suffix, host.endsWith(suffix))`, "PATTERNS", variable)
}

// foreign are the hosts that no pattern covers.
var foreign = expression{"foreign", `
variables.tooMany ? [] :
variables.hosts.filter(host, !host.matches(r'^(\*\.)?` + name + `$') || !(` +
	covered("patterns") + `))`}

// hostVariables are the variables that hostValidations need, beside hosts.
func hostVariables() []expression {
	return []expression{tooMany, deep("patterns"), foreign}
}

// hostValidations hold where every host is one of the Namespace's.
func hostValidations() []validation {
	return []validation{
		requireComputed("!variables.tooMany",
			fmt.Sprintf("'the hosts of the object (' + string(variables.hosts.size()) + ') times"+
				" those of namespace ' + variables.ns +\n"+
				"' (' + string(variables.patterns.size()) +"+
				" ') are more than the %d that are compared; write several objects'", maxPairs)),
		requireComputed("variables.foreign.size() == 0",
			"'host ' + "+short("variables.foreign[0]")+" +\n"+
				"(variables.foreign.size() > 1 ? ' (and ' +"+
				" string(variables.foreign.size() - 1) + ' more)' : '') +\n"+
				"' is not a host of namespace ' + variables.ns + '; its hosts are ' +\n"+
				"(variables.patterns.size() == 0 ? 'none' : "+
				short("variables.patterns.join(', ')")+") +\n"+
				"'; write one of them, or ask your operators to add the host to the annotation '"+
				" +\n'$hosts'"),
	}
}

// guestHostValidations are hostValidations for a route of HTTP.
func guestHostValidations() []validation {
	var validations []validation
	for _, v := range hostValidations() {
		validations = append(validations, v.orGuestAnywhere())
	}
	return validations
}

// tenant holds where the Namespace has a tenant.
var tenant = requireComputed(
	"namespaceObject.metadata.?labels[?'$label'].orValue('') != ''",
	"'namespace ' + variables.ns +"+
		" ' belongs to no tenant; ask your operators for the label $label'")

// mayOnly holds where the Namespace may do more than others, by one word.
func mayOnly(condition, word, what string) validation {
	cel := "'" + word + "' in variables.allowed"
	if condition != "" {
		cel = condition + " || " + cel
	}
	return require(cel, what+" is for namespaces whose annotation $allow names "+word+
		"; ask your operators")
}

// own holds where a reference is to the Namespace of the object.
func own(ref string) string {
	return strings.ReplaceAll(
		"!REF.?name.orValue('').contains('@') && REF.?namespace.orValue('') in ['', variables.ns]",
		"REF", ref)
}

// ownService holds where a reference to a service and what it brings with it are of the Namespace.
func ownService(ref string) string {
	return own(ref) + " &&\n  !" + ref + ".?serversTransport.orValue('').contains('@') &&\n  " +
		ref + ".?middlewares.orValue([]).all(mw, " + own("mw") + ")"
}
