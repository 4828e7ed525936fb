package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kvtools/valkeyrie/store"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/e2e/traefik"
	"github.com/tenantguard/tenantguard/internal/policy"
	"github.com/tenantguard/tenantguard/internal/report"
	"github.com/tenantguard/tenantguard/internal/verdict"
	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/config/kv"
	"github.com/traefik/traefik/v3/pkg/provider/file"
	"github.com/traefik/traefik/v3/pkg/provider/kubernetes/crd/traefikio/v1alpha1"
	"gopkg.in/yaml.v3"
	kubernetesyaml "sigs.k8s.io/yaml"
)

// exampleMiddleware is a middleware that an example defines: its qualified name and its keys.
type exampleMiddleware struct {
	name   string
	config map[string]any
}

// TestExamplePolicies wants one policy, whatever form an example writes it in.
func TestExamplePolicies(t *testing.T) {
	want := examplePolicy(t)
	require.NotNil(t, want.Tenant("acme").Certificates.Roots)
	operator, tenant := exampleMiddlewares(t)
	attachments := map[string]exampleMiddleware{
		"dynamic.yml":               {"guard@file", exampleFile(t, "dynamic.yml")},
		"dynamic.toml":              {"guard@file", exampleFile(t, "dynamic.toml")},
		"kv.txt":                    {"guard@consul", exampleKV(t)},
		"middleware.yaml, operator": operator,
		"middleware.yaml, tenant":   tenant,
	}
	for name, a := range attachments {
		t.Run(name, func(t *testing.T) {
			got := effectivePolicy(t, a)
			require.Len(t, got.Tenants, len(want.Tenants))
			for i, tenant := range got.Tenants {
				assert.True(t, tenant.Certificates.Roots.Equal(want.Tenants[i].Certificates.Roots))
			}
			assert.Equal(t, withoutRoots(examplePolicy(t)), withoutRoots(got))
		})
	}
}

// TestExampleStatic has Traefik itself load the static configurations.
func TestExampleStatic(t *testing.T) {
	traefik.Need(t, traefik.SafeNames, "safe names, which the examples turn on,")
	fromFile := loadedFile(t, string(readExample(t, "static.yml")))
	fromFlags := loadedFlags(t, strings.Fields(string(readExample(t, "flags.txt"))))
	assert.Equal(t, fromFile, fromFlags)
	assert.True(t, fromFile.Providers.KubernetesCRD.SafeNaming)

	operator, _ := exampleMiddlewares(t)
	// What the chart itself says of the same sections.
	chart := []string{"--entryPoints.web.address=:8000/tcp", "--entryPoints.websecure.address=:8443/tcp",
		"--entryPoints.websecure.http.tls=true", "--providers.kubernetescrd", "--providers.kubernetescrd.allowEmptyServices=true"}
	fromHelm := loadedFlags(t, append(chart, readHelm(t).arguments()...))
	assert.Equal(t, fromFile.Experimental, fromHelm.Experimental)
	assert.Equal(t, fromFile.Providers.KubernetesCRD, fromHelm.Providers.KubernetesCRD)

	for name, loaded := range map[string]staticConfiguration{"guard@file": fromFile, operator.name: fromHelm} {
		for entryPoint, settings := range loaded.EntryPoints {
			assert.Equal(t, []string{name}, settings.HTTP.Middlewares, entryPoint)
		}
		assert.Equal(t, "github.com/tenantguard/tenantguard", loaded.Experimental.Plugins[lab.PluginName].ModuleName)
	}
}

// TestReadmeOptions compares the option table with the keys that the plugin itself says it knows.
func TestReadmeOptions(t *testing.T) {
	var want []string
	unknown := map[string]any{"?": ""}
	for _, key := range knownKeys(t, unknown) {
		if key != "shared" && key != "certificates" && key != "kubernetes" {
			want = append(want, key)
		}
	}
	certificates := knownKeys(t, map[string]any{"certificates": unknown})
	for _, key := range certificates {
		want = append(want, "certificates."+key)
	}
	for _, key := range knownKeys(t, map[string]any{"kubernetes": unknown}) {
		want = append(want, "kubernetes."+key)
	}
	for _, key := range knownKeys(t, map[string]any{"shared": unknown}) {
		want = append(want, "shared."+key)
	}
	for _, key := range knownKeys(t, map[string]any{"tenants": []any{unknown}}) {
		want = append(want, "tenants[]."+key)
	}
	assert.Equal(t, certificates, knownKeys(t, map[string]any{"tenants": []any{map[string]any{"certificates": unknown}}}))

	var keys []string
	for _, row := range readmeTable(t, "key") {
		key := codeCell(row[0])
		keys = append(keys, key)
		if fallback := codeCell(row[2]); fallback != "" && !strings.Contains(row[3], "Not available") {
			t.Run("default of "+key, func(t *testing.T) { checkDefault(t, key, fallback) })
		}
	}
	assert.ElementsMatch(t, want, keys)
}

// checkDefault wants a key with its default to change nothing.
func checkDefault(t *testing.T, key, fallback string) {
	tenants := []any{map[string]any{"name": "acme", "namespaces": "acme", "hosts": "acme.example.com"}}
	with := map[string]any{"tenants": tenants}
	section, name, nested := strings.Cut(key, ".")
	if section == "tenants[]" {
		with["tenants"] = []any{map[string]any{"name": "acme", "namespaces": "acme", "hosts": "acme.example.com", name: fallback}}
	} else if nested {
		with[section] = map[string]any{name: fallback}
	} else {
		with[key] = fallback
	}
	assert.Equal(t,
		effectivePolicy(t, exampleMiddleware{"guard@file", map[string]any{"tenants": tenants}}),
		effectivePolicy(t, exampleMiddleware{"guard@file", with}))
}

func TestReadmeVerdicts(t *testing.T) {
	var codes []string
	for _, row := range readmeTable(t, "code") {
		codes = append(codes, codeCell(row[0]))
		assert.Equal(t, strconv.Itoa(verdict.Status(verdict.Code(codeCell(row[0])))), row[1], row[0])
	}
	assert.Equal(t, verdictCodes(t), codes, "all of them, in the order in which they are looked at")
}

// TestReadmeDenial wants the line that the readme explains to be one that the plugin writes, and each field explained.
func TestReadmeDenial(t *testing.T) {
	var line string
	for _, block := range readmeBlocks(t, "json") {
		if strings.HasPrefix(block, `{"event":"deny"`) {
			line = strings.TrimSpace(block)
		}
	}
	var denial report.Denial
	require.NoError(t, json.Unmarshal([]byte(line), &denial))
	written, err := json.Marshal(denial)
	require.NoError(t, err)
	assert.Equal(t, line, string(written))
	assert.Equal(t, verdict.Status(verdict.Code(denial.Reason)), denial.Status)

	var want, fields []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[report.Denial]()) {
		want = append(want, field.Tag.Get("json"))
	}
	for _, row := range readmeTable(t, "field") {
		fields = append(fields, codeCell(row[0]))
	}
	assert.Equal(t, want, fields)
}

// TestReadmePolicyErrors wants the errors that the readme shows to be worded as the plugin words them.
func TestReadmePolicyErrors(t *testing.T) {
	var shown struct{ Errors []string }
	for _, block := range readmeBlocks(t, "json") {
		if strings.HasPrefix(block, `{"event":"policy"`) {
			require.NoError(t, json.Unmarshal([]byte(block), &shown))
		}
	}
	var errs []string
	policies := policy.NewStore(func(n policy.Notice) { errs = append(errs, n.Errors...) }, func() {})
	require.Nil(t, policies.Instance("guard@file", map[string]any{"tenants": []any{
		map[string]any{"name": "acme", "hosts": "acme.example.com"},
		map[string]any{"name": "globex", "hosts": "acme.example.com"},
	}}).Effective())
	assert.Equal(t, errs, shown.Errors)
}

// TestReadmeConfigurations decodes what the readme shows beside the examples.
func TestReadmeConfigurations(t *testing.T) {
	traefik.Need(t, traefik.SafeNames, "safe names, which the readme turns on,")
	for _, block := range readmeBlocks(t, "yaml") {
		if strings.Contains(block, "kind: Middleware") {
			effectivePolicy(t, crdMiddleware(t, decodeMiddleware(t, []byte(block))))
			continue
		}
		loadedFile(t, block)
	}
	for _, block := range readmeBlocks(t, "text") {
		if strings.HasPrefix(block, "--") {
			loadedFlags(t, strings.Fields(block))
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(readmeText(t), -1) {
		assert.FileExists(t, filepath.Join(exampleRoot(t), link[1]))
	}
}

// effectivePolicy is what the plugin makes of a middleware, in the environment of helm-values.yaml.
func effectivePolicy(t *testing.T, a exampleMiddleware) *policy.Effective {
	t.Helper()
	helm := readHelm(t)
	policies := policy.NewStore(func(n policy.Notice) {
		assert.Empty(t, n.Errors, a.name)
	}, func() {})
	policies.Getenv = helm.variable
	policies.ReadFile = func(path string) ([]byte, error) {
		if filepath.Dir(path) != helm.Volumes[0].MountPath {
			return nil, os.ErrNotExist
		}
		return readExample(t, filepath.Base(path)), nil
	}
	effective := policies.Instance(a.name, a.config).Effective()
	require.NotNil(t, effective, a.name)

	return effective
}

// examplePolicy is what policy.json says.
func examplePolicy(t *testing.T) *policy.Effective {
	t.Helper()
	return effectivePolicy(t, exampleMiddleware{"guard@file", map[string]any{"policyFile": "/etc/tenantguard/policy.json"}})
}

// withoutRoots takes out what can't be compared.
func withoutRoots(effective *policy.Effective) *policy.Effective {
	for _, tenant := range effective.Tenants {
		tenant.Certificates.Roots = nil
	}
	return effective
}

// exampleFile decodes as the file provider does.
func exampleFile(t *testing.T, name string) map[string]any {
	t.Helper()
	path := filepath.Join(exampleRoot(t), "examples", name)
	configuration, err := (&file.Provider{Filename: path}).DecodeConfiguration(path)
	require.NoError(t, err)

	return configuration.HTTP.Middlewares["guard"].Plugin[lab.PluginName]
}

// exampleKV decodes as the key-value providers do.
func exampleKV(t *testing.T) map[string]any {
	t.Helper()
	var pairs []*store.KVPair
	for line := range strings.Lines(string(readExample(t, "kv.txt"))) {
		key, value, found := strings.Cut(strings.TrimSpace(line), " ")
		require.True(t, found, line)
		pairs = append(pairs, &store.KVPair{Key: key, Value: []byte(value)})
	}
	configuration := &dynamic.Configuration{}
	require.NoError(t, kv.Decode(pairs, configuration, "traefik"))

	return configuration.HTTP.Middlewares["guard"].Plugin[lab.PluginName]
}

// exampleMiddlewares are the operator's Middleware and a tenant's, which its route uses.
func exampleMiddlewares(t *testing.T) (operator, tenant exampleMiddleware) {
	t.Helper()
	documents := bytes.Split(readExample(t, "middleware.yaml"), []byte("\n---\n"))
	require.Len(t, documents, 3)
	tenantMiddleware := decodeMiddleware(t, documents[1])
	var route v1alpha1.IngressRoute
	require.NoError(t, kubernetesyaml.UnmarshalStrict(documents[2], &route))
	assert.Equal(t, tenantMiddleware.Namespace, route.Namespace)
	assert.Equal(t, tenantMiddleware.Name, route.Spec.Routes[0].Middlewares[0].Name)

	return crdMiddleware(t, decodeMiddleware(t, documents[0])), crdMiddleware(t, tenantMiddleware)
}

func decodeMiddleware(t *testing.T, document []byte) v1alpha1.Middleware {
	t.Helper()
	var middleware v1alpha1.Middleware
	require.NoError(t, kubernetesyaml.UnmarshalStrict(document, &middleware))
	require.Equal(t, "Middleware", middleware.Kind)

	return middleware
}

// crdMiddleware decodes as the Kubernetes CRD provider does, with safe names.
func crdMiddleware(t *testing.T, middleware v1alpha1.Middleware) exampleMiddleware {
	t.Helper()
	raw, err := json.Marshal(middleware.Spec.Plugin)
	require.NoError(t, err)
	var plugins map[string]dynamic.PluginConf
	require.NoError(t, json.Unmarshal(raw, &plugins))
	require.Contains(t, plugins, lab.PluginName)

	return exampleMiddleware{middleware.Namespace + "_" + middleware.Name + "@kubernetescrd", plugins[lab.PluginName]}
}

// helmValues are what the values may hold.
type helmValues struct {
	Experimental struct {
		Plugins map[string]struct {
			ModuleName string `yaml:"moduleName"`
			Version    string
		}
	}
	AdditionalArguments []string `yaml:"additionalArguments"`
	Env                 []struct{ Name, Value string }
	Volumes             []struct {
		Name, Type string
		MountPath  string `yaml:"mountPath"`
	}
}

func readHelm(t *testing.T) helmValues {
	t.Helper()
	var values helmValues
	decoder := yaml.NewDecoder(bytes.NewReader(readExample(t, "helm-values.yaml")))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&values))
	require.Len(t, values.Volumes, 1)

	return values
}

// arguments are Traefik's, as the chart's template writes them.
func (h helmValues) arguments() []string {
	var arguments []string
	for name, plugin := range h.Experimental.Plugins {
		arguments = append(arguments,
			fmt.Sprintf("--experimental.plugins.%s.moduleName=%s", name, plugin.ModuleName),
			fmt.Sprintf("--experimental.plugins.%s.version=%s", name, plugin.Version))
	}
	return append(arguments, h.AdditionalArguments...)
}

func (h helmValues) variable(name string) string {
	for _, variable := range h.Env {
		if variable.Name == name {
			return variable.Value
		}
	}
	return ""
}

// staticConfiguration is the part of Traefik's that the examples are about. Its own type can't be imported: behind it are
// the DNS providers that the module proxy does not have.
type staticConfiguration struct {
	Experimental struct {
		AbortOnPluginFailure bool
		Plugins              map[string]struct{ ModuleName, Version string }
		LocalPlugins         map[string]struct{ ModuleName string }
	}
	EntryPoints map[string]struct {
		Address string
		HTTP    struct {
			Middlewares  []string
			TLS          *struct{}
			Redirections *struct{ EntryPoint struct{ To, Scheme string } }
		}
	}
	Providers struct {
		File          *struct{ Filename string }
		KubernetesCRD *struct {
			SafeNaming                   bool
			DefaultTLSResourcesNamespace string
		}
	}
}

// loadedFile is what Traefik makes of traefik.yml.
func loadedFile(t *testing.T, content string) staticConfiguration {
	t.Helper()
	path := filepath.Join(t.TempDir(), "traefik.yml")
	content += "\nlog: {level: DEBUG, format: json}\nglobal: {checkNewVersion: false}\n"
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))

	return loadedStatic(t, "--configFile="+path)
}

// loadedFlags is what Traefik makes of its command line.
func loadedFlags(t *testing.T, flags []string) staticConfiguration {
	t.Helper()
	return loadedStatic(t, append(slices.Clone(flags), "--log.level=DEBUG", "--log.format=json", "--global.checknewversion=false")...)
}

// loadedStatic starts the real Traefik until it logs the static configuration that it has loaded and validated.
func loadedStatic(t *testing.T, arguments ...string) staticConfiguration {
	t.Helper()
	binary, err := traefik.Binary(t.Context(), traefik.Version, os.Stderr)
	require.NoError(t, err)
	command := exec.Command(binary, arguments...)
	command.Dir = t.TempDir()
	// Nothing is to be downloaded.
	command.Env = append(os.Environ(), "HTTPS_PROXY=http://127.0.0.1:1", "https_proxy=http://127.0.0.1:1")
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	command.Stderr = command.Stdout
	require.NoError(t, command.Start())
	defer func() {
		killed := command.Process.Kill()
		if killed != nil && !errors.Is(killed, os.ErrProcessDone) {
			t.Error(killed)
		}
		_ = command.Wait()
	}()

	var lines []string
	scanner := bufio.NewScanner(output)
	for scanner.Scan() {
		var line struct{ StaticConfiguration *staticConfiguration }
		if json.Unmarshal(scanner.Bytes(), &line) == nil && line.StaticConfiguration != nil {
			return *line.StaticConfiguration
		}
		lines = append(lines, scanner.Text())
	}
	require.FailNow(t, "Traefik did not load its static configuration", strings.Join(lines, "\n"))

	return staticConfiguration{}
}

// knownKeys are the keys that the plugin offers for the unknown one in a configuration.
func knownKeys(t *testing.T, config map[string]any) []string {
	t.Helper()
	var keys []string
	policies := policy.NewStore(func(n policy.Notice) {
		for _, text := range n.Errors {
			if _, offered, found := strings.Cut(text, "unknown key, wanted one of "); found {
				keys = strings.Split(offered, ", ")
			}
		}
	}, func() {})
	policies.Getenv = func(string) string { return "" }
	require.Nil(t, policies.Instance("guard@file", config).Effective())
	require.NotEmpty(t, keys)

	return keys
}

// verdictCodes are the constants of package verdict, in their order.
func verdictCodes(t *testing.T) []string {
	t.Helper()
	source, err := parser.ParseFile(token.NewFileSet(), filepath.Join(exampleRoot(t), "internal", "verdict", "code.go"), nil, 0)
	require.NoError(t, err)
	var codes []string
	ast.Inspect(source, func(node ast.Node) bool {
		constant, ok := node.(*ast.ValueSpec)
		if !ok || len(constant.Values) != 1 {
			return true
		}
		if literal, ok := constant.Values[0].(*ast.BasicLit); ok && literal.Value != `""` {
			codes = append(codes, strings.Trim(literal.Value, `"`))
		}
		return true
	})
	require.NotEmpty(t, codes)

	return codes
}

// readmeTable returns the rows of the readme's table whose first column has that title.
func readmeTable(t *testing.T, title string) [][]string {
	t.Helper()
	var rows [][]string
	inside := false
	for line := range strings.Lines(readmeText(t)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			inside = false
			continue
		}
		cells := tableCells(line)
		if inside && !strings.HasPrefix(cells[0], "--") {
			rows = append(rows, cells)
		}
		inside = inside || cells[0] == title
	}
	require.NotEmpty(t, rows, "no table with the column %q", title)

	return rows
}

func tableCells(line string) []string {
	line = strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "\x00")
	cells := strings.Split(line, "|")
	for i, cell := range cells {
		cells[i] = strings.ReplaceAll(strings.TrimSpace(cell), "\x00", "|")
	}
	return cells
}

// codeCell is the text of a cell that is one piece of code, "" for any other.
func codeCell(cell string) string {
	text, isCode := strings.CutPrefix(cell, "`")
	text, closed := strings.CutSuffix(text, "`")
	if !isCode || !closed || strings.Contains(text, "`") {
		return ""
	}
	return text
}

// readmeBlocks returns the readme's blocks of code in a language.
func readmeBlocks(t *testing.T, language string) []string {
	t.Helper()
	var blocks []string
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(readmeText(t), -1) {
		blocks = append(blocks, match[1])
	}
	require.NotEmpty(t, blocks, language)

	return blocks
}

func readmeText(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(exampleRoot(t), "readme.md"))
	require.NoError(t, err)

	return string(content)
}

func readExample(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(exampleRoot(t), "examples", name))
	require.NoError(t, err)

	return content
}

func exampleRoot(t *testing.T) string {
	t.Helper()
	dir, err := repo.Root()
	require.NoError(t, err)

	return dir
}
