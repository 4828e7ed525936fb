package status

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/internal/repo"
)

// browserTime bounds one run of the browser.
const browserTime = time.Minute

// view is how a person looks at the page.
type view struct {
	name          string
	width, height int
	dark          bool
}

var views = []view{
	{name: "desktop", width: 1280, height: 2400},
	{name: "desktop-dark", width: 1280, height: 2400, dark: true},
	{name: "phone", width: 500, height: 3600},
}

// browser returns Chromium, and skips the test where there is none: Debian's package is called so.
func browser(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium: apt-get install chromium")
	}
	return path
}

// browse runs the browser on the page and returns what it prints. What the page's script logs is an
// error: the content security policy must not stop anything.
func (w *world) browse(t *testing.T, v view, query string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), browserTime)
	defer cancel()
	scheme := "1"
	if v.dark {
		scheme = "0"
	}
	all := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
		"--disable-background-networking", "--user-data-dir=" + t.TempDir(),
		"--enable-logging=stderr", "--log-level=0", "--virtual-time-budget=2000",
		"--blink-settings=preferredColorScheme=" + scheme,
		fmt.Sprintf("--window-size=%d,%d", v.width, v.height),
	}, args...)
	address := "http://" + w.Addr("status") + path + query
	cmd := exec.CommandContext(ctx, browser(t), append(all, address)...)
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	require.NoError(t, err, problems.String())
	for line := range strings.Lines(problems.String()) {
		if strings.Contains(line, "CONSOLE") && !strings.Contains(line, "favicon") {
			require.Fail(t, "the page logs", line)
		}
	}
	return string(out)
}

// shoot takes pictures of the page, for people to look at.
func (w *world) shoot(t *testing.T, name string) {
	t.Helper()
	root, err := repo.Root()
	require.NoError(t, err)
	dir := filepath.Join(root, ".cache", "screenshots")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for _, v := range views {
		w.browse(t, v, "", "--screenshot="+filepath.Join(dir, name+"-"+v.name+".png"))
	}
}

// document returns the page as the browser has it, after its script ran.
func (w *world) document(t *testing.T) string {
	t.Helper()
	return w.browse(t, views[0], "", "--dump-dom")
}
