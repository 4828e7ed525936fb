package papers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// startSections are the sections whose commands are run one after the other, as a reader would.
var startSections = []struct{ paper, section string }{
	{firstScreen, "Try it in a minute"},
	{"docs/verdicts.md", "Reproduce a denial"},
}

func isInStart(b block) bool {
	return slices.ContainsFunc(startSections, func(s struct{ paper, section string }) bool {
		return b.paper == s.paper && b.section == s.section
	})
}

// TestStart follows the readme from a clone to refused requests, and then the page about verdicts.
// What a block of text or JSON shows must be what the commands before it print.
func TestStart(t *testing.T) {
	need(t, "openssl", "curl", "jq", "make")
	const end = "-- end of block"
	secure, plain := lab.FreeAddress(t), lab.FreeAddress(t)
	addresses := strings.NewReplacer("127.0.0.1:8443", secure, "127.0.0.1:8080", plain)
	script, shown := startPrelude(secure, plain), map[int]block{}
	ran := 0
	for _, s := range startSections {
		for _, b := range readPaper(t, s.paper).blocks(t) {
			if b.section != s.section {
				continue
			}
			if b.language == "sh" {
				ran++
				script += fmt.Sprintf("%s\necho '%s'\n", addresses.Replace(b.text), end)
				continue
			}
			require.Contains(t, []string{"text", "json"}, b.language, b)
			require.NotContains(t, shown, ran, "%s: a second output of the same commands", b)
			shown[ran] = b
		}
	}
	printed := runScript(t, t.TempDir(), script)

	outputs := strings.Split(printed, end+"\n")
	require.Len(t, outputs, ran+1)
	require.NotEmpty(t, shown)
	for i, b := range shown {
		assert.Equal(t, b.text, outputs[i-1], b)
	}
	assert.NotEmpty(t, outputs[ran-1], "the denials counted")
}

// startPrelude returns what stands for GitHub and for the ports that are free: a clone is this
// working tree, with files of its own only where the commands write. At the end Traefik is stopped.
func startPrelude(secure, plain string) string {
	return `
git() {
	test "$*" = "clone https://` + pluginModule + `"
	mkdir -p tenantguard/examples
	for name in .traefik.yml Makefile go.mod go.work go.work.sum plugin.go cmd internal e2e testdata
	do ln -s "$root/$name" tenantguard; done
	cp -R "$root/examples/file" tenantguard/examples
	rm -rf tenantguard/examples/file/{certificates,plugins-local}
	sed -i -e s/127.0.0.1:8443/` + secure + `/ -e s/127.0.0.1:8080/` + plain + `/ \
		tenantguard/examples/file/static.yml
}
trap 'kill $(jobs -p)' EXIT
`
}
