package papers

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/command"
)

// checkShell runs what can be run, and checks the other commands by what they name: there are no
// kubectl, helm and docker here, and no cluster.
func checkShell(t *testing.T, b block) {
	for prefix, run := range map[string]func(t *testing.T, script string){
		"git clone ":            runLocalPlugin,
		"openssl x509 -in cert": runPin,
		"while read ":           runPairs,
		"entrypoint=":           runHosts,
		"traefik=":              runSave,
		"kubectl get ":          runFind,
		"kubectl logs ":         runFind,
	} {
		if strings.HasPrefix(b.text, prefix) {
			run(t, b.text)
			return
		}
	}
	for _, command := range commands(b.text) {
		if bar := lastBar(command); bar > 0 {
			checkPipe(t, command[:bar], command[bar+1:])
			continue
		}
		check := map[string]func(t *testing.T, words []string){
			"kubectl": checkKubectl, "helm": checkHelm, "docker": checkDocker,
			"export": checkExport, "make": checkMake, "go": checkGoCommand,
			"tenantguard": checkTenantguard, "ln": checkSymlink,
		}[command[0]]
		if assert.NotNil(t, check, "no rule knows how to check %q", command[0]) {
			check(t, command[1:])
		}
	}
}

var word = regexp.MustCompile(`(?:[^\s'"]|'[^']*'|"[^"]*")+`)

// commands returns the words of each command of a script of plain commands.
func commands(script string) [][]string {
	script = strings.NewReplacer("\\\n", " ", "|\n", "| ").Replace(script)
	var all [][]string
	for line := range strings.Lines(script) {
		line, _, _ = strings.Cut(line, " #")
		words := word.FindAllString(line, -1)
		for i := range words {
			words[i] = strings.NewReplacer("'", "", `"`, "").Replace(words[i])
		}
		if len(words) > 0 {
			all = append(all, words)
		}
	}

	return all
}

// options takes the options with values out of a command's words.
func options(words []string) (values map[string][]string, others []string) {
	values = map[string][]string{}
	for i := 0; i < len(words); i++ {
		takesValue := i+1 < len(words) &&
			(!strings.HasPrefix(words[i+1], "-") || words[i+1] == "-")
		if strings.HasPrefix(words[i], "--") && takesValue && !isSwitch(words[i]) {
			values[words[i]] = append(values[words[i]], words[i+1])
			i++
		} else {
			others = append(others, words[i])
		}
	}

	return values, others
}

func isSwitch(option string) bool {
	return option == "--overwrite" || option == "--create-namespace"
}

func checkKubectl(t *testing.T, words []string) {
	values, others := options(words)
	switch others[0] {
	case "apply":
		require.Len(t, others, 1)
		require.NotEmpty(t, values["--filename"])
		for _, name := range values["--filename"] {
			for _, content := range manifests(t, name) {
				decodeObjects(t, content)
			}
		}
	case "create":
		assert.Contains(t, []string{"namespace", "configmap"}, others[1])
		for _, name := range values["--from-file"] {
			readFile(t, name)
		}
	case "label", "annotate":
		require.Equal(t, "namespace", others[1])
		key, value, found := strings.Cut(others[3], "=")
		require.True(t, found, others[3])
		known := []string{hostsAnnotation, modeAnnotation, allowAnnotation}
		if others[0] == "label" {
			known = []string{tenantLabel}
		}
		require.Contains(t, known, key)
		checkMark(t, key, value, known...)
	case "rollout":
		require.Equal(t, []string{"rollout", "status", "deployment/tenantguard-webhook"}, others)
		assert.Contains(t, string(readFile(t, webhookDeploymentFile)),
			"kind: Deployment\nmetadata:\n  name: tenantguard-webhook\n")
	default:
		assert.Fail(t, "no rule knows this command of kubectl", others[0])
	}
}

// manifests returns a file, or those of a folder, as kubectl takes them.
func manifests(t *testing.T, name string) []string {
	t.Helper()
	if filepath.Ext(name) != "" {
		return []string{string(readFile(t, name))}
	}
	entries, err := os.ReadDir(filepath.Join(root(t), name))
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	var contents []string
	for _, entry := range entries {
		contents = append(contents, string(readFile(t, filepath.Join(name, entry.Name()))))
	}

	return contents
}

func checkHelm(t *testing.T, words []string) {
	values, others := options(words)
	others = slices.DeleteFunc(others, isSwitch)
	require.Len(t, others, 3)
	assert.Contains(t, []string{"install", "upgrade"}, others[0])
	assert.Equal(t, []string{"traefik", "traefik"}, others[1:])
	assert.Equal(t, []string{"https://traefik.github.io/charts"}, values["--repo"])
	assert.Equal(t, []string{"traefik"}, values["--namespace"])
	require.Len(t, values["--values"], 1)
	if values["--values"][0] != "-" { // what comes through a pipe is checked there
		readHelm(t, values["--values"][0])
	}
}

// lastBar returns where the last pipe of a command is, -1 for none.
func lastBar(words []string) int {
	for i := len(words) - 1; i >= 0; i-- {
		if words[i] == "|" {
			return i
		}
	}

	return -1
}

// checkPipe runs what writes values of the chart, and checks the helm that reads them.
func checkPipe(t *testing.T, write, read []string) {
	t.Helper()
	require.Equal(t, "helm", read[0])
	values, _ := options(read)
	assert.Equal(t, []string{"-"}, values["--values"])
	checkHelm(t, read[1:])
	decodeHelm(t, []byte(runScript(t, root(t), strings.Join(write, " "))))
}

// runFind runs commands that look for something in a cluster, which has nothing: grep then fails
// with 1. What they find is a test of e2e/kubernetes.
func runFind(t *testing.T, script string) {
	need(t, "jq")
	const kubectl = `kubectl() { test "$1" = logs || echo '{"items":[]}'; }`
	printed := runScript(t, root(t), kubectl+"\n{ "+script+"} || test $? = 1")
	assert.Empty(t, printed)
}

// runHosts runs commands that ask for hosts, and wants a line for each.
func runHosts(t *testing.T, script string) {
	const curl = `curl() {
	test "${*: -1}" = "https://$host/" && test "${*: -2:1}" = "$host:443:$entrypoint"
	for word; do case "$word" in *http_code*) printf "${word/\%{http_code\}/200}";; esac; done
}`
	printed := runScript(t, root(t), curl+"\n"+script)
	assert.Equal(t, "200 acme.example.com\n200 www.acme.example.com\n200 globex.example.com\n",
		printed)
}

// runSave runs commands that save the answers of Traefik's API, and wants the files that the
// command reads.
func runSave(t *testing.T, script string) {
	dir := t.TempDir()
	const curl = `curl() { case "${*: -1}" in http://*/api/*per_page=*) echo '[]';; esac; }`
	runScript(t, dir, curl+"\n"+script)
	found := command.Run(t, "init", "--api", dir, "--output", "json")
	assert.Zero(t, found.Code, found.Errs)
	for _, name := range []string{"tcp-routers.json", "certificates.json"} {
		assert.FileExists(t, filepath.Join(dir, name))
	}
}

const webhookDeploymentFile = "examples/kubernetes/webhook/deployment.yaml"

// checkDocker wants the image of the values to be built and pushed, or the webhook's to be built.
func checkDocker(t *testing.T, words []string) {
	values, others := options(words)
	image := readHelm(t, helmGuardFile).image()
	switch others[0] {
	case "build":
		assert.Equal(t, []string{"build", "."}, others)
		if values["--file"][0] == "examples/kubernetes/webhook/Dockerfile" {
			readFile(t, values["--file"][0])
			require.Len(t, values["--tag"], 1)
			assert.Contains(t, string(readFile(t, webhookDeploymentFile)),
				"image: "+values["--tag"][0]+"\n")
			return
		}
		assert.Equal(t, []string{image}, values["--tag"])
		assert.Equal(t, []string{"examples/kubernetes/Dockerfile"}, values["--file"])
	case "push":
		assert.Equal(t, []string{"push", image}, others)
	default:
		assert.Fail(t, "no rule knows this command of docker", others[0])
	}
}

// checkMake wants targets that the Makefile has.
func checkMake(t *testing.T, words []string) {
	makefile := string(readFile(t, "Makefile"))
	for _, target := range words {
		if name, _, isVariable := strings.Cut(target, "="); isVariable {
			assert.Contains(t, makefile, name)
		} else {
			assert.Contains(t, makefile, "\n"+target+":")
		}
	}
}

// checkGoCommand wants the tests of packages that are there, or runs what writes a folder.
func checkGoCommand(t *testing.T, words []string) {
	if words[0] == "run" {
		folder := slices.Index(words, "-folder") + 1
		require.Positive(t, folder)
		require.Less(t, folder, len(words))
		words[folder] = filepath.Join(t.TempDir(), words[folder])
		runScript(t, root(t), "go '"+strings.Join(words, "' '")+"'")
		assert.DirExists(t, words[folder])
		return
	}
	if words[0] == "install" { // TestInstall of e2e/command runs it
		assert.Regexp(t, "^github.com/tenantguard/tenantguard/cmd/tenantguard@v", words[1])
		return
	}
	require.Equal(t, "test", words[0])
	for _, name := range words[1:] {
		if strings.HasPrefix(name, "./") {
			assert.DirExists(t, filepath.Join(root(t), strings.TrimSuffix(name, "...")))
		}
	}
}

// checkExport wants variables that the plugin reads.
func checkExport(t *testing.T, words []string) {
	require.Len(t, words, 1)
	name, value, _ := strings.Cut(words[0], "=")
	assert.Contains(t, variables(t), name)
	assert.NotEmpty(t, value)
}

// runLocalPlugin runs the commands that put the plugin where Traefik looks for it.
func runLocalPlugin(t *testing.T, script string) {
	dir := t.TempDir()
	clone := `git() {
	test "$*" = "clone https://` + pluginModule + `" && ln -s "$root" tenantguard
}`
	runScript(t, dir, clone+"\n"+script)
	for _, name := range pluginFiles(t) {
		_, err := os.Stat(filepath.Join(dir, "plugins-local", "src", pluginModule, name))
		assert.NoError(t, err, name)
	}
}

// runPin wants the commands to print the pin that the tests know the certificate by.
func runPin(t *testing.T, script string) {
	need(t, "openssl")
	const known = "acme-exact"
	dir := t.TempDir()
	certificate := readFile(t, "testdata/certificates/"+known+".pem")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cert.pem"), certificate, 0o600))
	var pins map[string]string
	require.NoError(t, json.Unmarshal(readFile(t, "testdata/certificates/pins.json"), &pins))
	assert.Equal(t, pins[known], "sha256/"+strings.TrimSpace(runScript(t, dir, script)))
}

// runPairs wants the commands to put each pair of kv.txt into the store.
func runPairs(t *testing.T, script string) {
	put := `etcdctl() { test "$1" = put && test $# = 3 && echo "$2 $3"; }`
	printed := runScript(t, root(t), put+"\n"+script)
	assert.Equal(t, string(readFile(t, "examples/kv.txt")), printed)
}

// need skips a test where a program is not there.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
}

// runScript runs a script in bash, with the repository as $root, and returns what it prints.
func runScript(t *testing.T, dir, script string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bash", "-e", "-o", "pipefail", "-c", script)
	command.Dir = dir
	// The reader is not in a make, which would have make traefik print which folder it enters.
	command.Env = append(os.Environ(), "root="+root(t), "MAKELEVEL=", "MAKEFLAGS=", "MFLAGS=")
	var failed strings.Builder
	command.Stderr = &failed
	printed, err := command.Output()
	require.NoError(t, err, failed.String())

	return string(printed)
}

func TestCommands(t *testing.T) {
	got := commands("a --b 'c d' \\\n  e=\"f\"   # comment\n\n# nothing\ng |\n  h -\n")
	assert.Equal(t, [][]string{{"a", "--b", "c d", "e=f"}, {"#", "nothing"}, {"g", "|", "h", "-"}},
		got)
	values, others := options(
		[]string{"x", "--b", "c", "--overwrite", "y", "--b", "d", "--z", "--v", "-"})
	assert.Equal(t, map[string][]string{"--b": {"c", "d"}, "--v": {"-"}}, values)
	assert.Equal(t, []string{"x", "--overwrite", "y", "--z"}, others)
}
