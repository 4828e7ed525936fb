package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

var (
	hijacked = answered("acme", "globex")
	own      = answered("acme", "acme")
	refused  = outcome{status: 421, code: "certificate-foreign"}

	attack = scenario{request: "an attack", want: hijacked, code: "certificate-foreign"}
	use    = scenario{request: "a use", want: own}
)

// The demo says itself whether it shows what it is to show.
func TestProblems(t *testing.T) {
	for name, test := range map[string]struct {
		row     row
		problem string
	}{
		"an attack refused": {row{attack, hijacked, refused}, ""},
		"an attack that does not succeed": {row{attack, own, refused},
			"guard off: acme, cert acme; expected: acme, cert globex"},
		"an attack that the guard lets through": {row{attack, hijacked, hijacked},
			"guard on: acme, cert globex; expected: refused certificate-foreign"},
		"an attack refused for another reason": {
			row{attack, hijacked, outcome{status: 403, code: "host-foreign"}},
			"guard on: refused, 403 host-foreign; expected: refused certificate-foreign"},
		"an attack that Traefik itself refuses": {row{attack, hijacked, outcome{status: 421}},
			"guard on: status 421; expected: refused certificate-foreign"},
		"a use that passes": {row{use, own, own}, ""},
		"a use that never works": {row{use, outcome{status: 404}, own},
			"guard off: status 404; expected: acme, cert acme"},
		"a use that the guard breaks": {row{use, own, refused},
			"guard on: refused, 421 certificate-foreign; expected: acme, cert acme"},
		"a use without an answer": {row{use, own, failure("connecting", errors.New("timeout"))},
			"guard on: connecting: timeout; expected: acme, cert acme"},
	} {
		assert.Equal(t, test.problem, test.row.problem(), name)
	}
}

func TestTable(t *testing.T) {
	rows := []row{
		{attack, hijacked, refused},
		{attack, hijacked, hijacked},
		{use, own, own},
		{use, own, refused},
	}
	assert.Equal(t, `request          guard off          guard on           code

attacks
  an attack      acme, cert globex  refused, 421       certificate-foreign
  an attack      acme, cert globex  acme, cert globex  -  <-- FAILED

legitimate uses
  a use          acme, cert acme    acme, cert acme    -
  a use          acme, cert acme    refused, 421       certificate-foreign  <-- FAILED
`, table(rows))
	assert.Equal(t, "2 attacks: 2 succeeded without the guard, 1 with it; "+
		"2 legitimate uses: 1 pass", summary(rows))

	var said strings.Builder
	assert.Equal(t, 2, failures(&said, rows))
	assert.Contains(t, said.String(), "demo: 2 of 4 requests did not come to what they must\n")
	assert.Zero(t, failures(&said, rows[:1]))
}
