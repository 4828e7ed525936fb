package kubernetes_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"github.com/tenantguard/tenantguard/e2e/lab"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// paper is the section about hardening of docs/operations.md.
type paper string

func operations(t *testing.T) paper {
	t.Helper()
	root, err := repo.Root()
	require.NoError(t, err)
	_, text, found := strings.Cut(readFile(t, filepath.Join(root, "docs", "operations.md")),
		"\n## Hardening\n")
	require.True(t, found)
	text, _, _ = strings.Cut(text, "\n## ")

	return paper(text)
}

// has wants the page to show a line of Traefik's log.
func (p paper) has(t *testing.T, line string) {
	t.Helper()
	assert.Contains(t, string(p), "`"+line+"`")
}

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// blocks returns the commands that begin with a text.
func (p paper) blocks(begin string) []string {
	var found []string
	for _, match := range shellBlock.FindAllStringSubmatch(string(p), -1) {
		if strings.HasPrefix(match[1], begin) {
			found = append(found, match[1])
		}
	}

	return found
}

// find runs the commands that look for what breaks, and returns the lines that they print.
func (p paper) find(t *testing.T, c *cluster.Cluster) []string {
	t.Helper()
	blocks := p.blocks("kubectl get ")
	require.Len(t, blocks, 3)
	var found []string
	for _, block := range blocks {
		resources := strings.Fields(block)[2]
		found = append(found, run(t, block, listed(t, c, strings.Split(resources, ",")))...)
	}

	return found
}

// grep runs the command that looks for two TLS options in a log.
func (p paper) grep(t *testing.T, log *lab.Log) []string {
	t.Helper()
	blocks := p.blocks("kubectl logs ")
	require.Len(t, blocks, 1)

	return run(t, blocks[0], []byte(strings.Join(log.Lines(), "\n")))
}

// run runs a script whose kubectl prints a text.
func run(t *testing.T, script string, text []byte) []string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "printed")
	require.NoError(t, os.WriteFile(name, text, 0o600))
	command := exec.CommandContext(t.Context(), "bash", "-e", "-o", "pipefail", "-c",
		"kubectl() { cat "+name+"; }\n"+script)
	command.Stderr = os.Stderr
	printed, err := command.Output()
	require.NoError(t, err, script)

	return strings.Split(strings.TrimSpace(string(printed)), "\n")
}

// listed returns all objects of some resources, as kubectl prints them.
func listed(t *testing.T, c *cluster.Cluster, resources []string) []byte {
	t.Helper()
	client, err := dynamic.NewForConfig(c.Admin())
	require.NoError(t, err)
	items := []any{}
	for _, name := range resources {
		resource := schema.GroupVersionResource{
			Group: "traefik.io", Version: "v1alpha1", Resource: name}
		switch name {
		case "ingresses":
			resource.Group, resource.Version = "networking.k8s.io", "v1"
		case "services":
			resource.Group, resource.Version = "", "v1"
		}
		list, err := client.Resource(resource).List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err, name)
		for _, item := range list.Items {
			items = append(items, item.Object)
		}
	}
	encoded, err := json.Marshal(map[string]any{"items": items})
	require.NoError(t, err)

	return encoded
}
