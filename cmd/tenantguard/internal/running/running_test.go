package running_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/running"
)

func silent(string, ...any) {}

// serve is an API with so many routers, as Traefik's, one page after the other.
func serve(t *testing.T, routers int, absent ...string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		for _, path := range absent {
			if req.URL.Path == path {
				http.NotFound(rw, req)
				return
			}
		}
		if req.URL.Path == "/api/version" {
			fmt.Fprint(rw, `{"Version": "3.7.13"}`)
			return
		}
		if req.URL.Path != "/api/http/routers" {
			fmt.Fprint(rw, "[]")
			return
		}
		var page, perPage int
		fmt.Sscan(req.URL.Query().Get("page"), &page)
		fmt.Sscan(req.URL.Query().Get("per_page"), &perPage)
		first, last := (page-1)*perPage, min(page*perPage, routers)
		next := 1
		if last < routers {
			next = page + 1
		}
		rw.Header().Set("X-Next-Page", fmt.Sprint(next))
		list := []running.Router{}
		for i := first; i < last; i++ {
			list = append(list, running.Router{Name: fmt.Sprintf("r%d@file", i), Provider: "file"})
		}
		_ = json.NewEncoder(rw).Encode(list)
	}))
	t.Cleanup(server.Close)

	return server
}

func TestPages(t *testing.T) {
	for _, routers := range []int{0, 1, 1000, 1001, 2500} {
		server := serve(t, routers)
		got, err := running.API{At: server.URL}.Read(t.Context(), silent)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, r := range got.Routers {
			names[r.Name] = true
		}
		if len(got.Routers) != routers || len(names) != routers || got.Version != "3.7.13" {
			t.Errorf("%d routers with %d names of %q, want %d of 3.7.13", len(got.Routers),
				len(names), got.Version, routers)
		}
	}
}

// TestAbsent has Traefiks without some of the lists.
func TestAbsent(t *testing.T) {
	rows := []struct {
		description, absent, want string
		hasCertificates           bool
	}{
		{"everything is there", "/nothing", "", true},
		{"before 3.7 there are no certificates", "/api/certificates", "", false},
		{"no API", "/api/entrypoints", "is the API on", false},
	}
	for _, row := range rows {
		server := serve(t, 1, row.absent)
		got, err := running.API{At: server.URL}.Read(t.Context(), silent)
		if row.want != "" {
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%s: %v, want %q", row.description, err, row.want)
			}
			continue
		}
		if err != nil || got.HasCertificates != row.hasCertificates {
			t.Errorf("%s: %v, %+v", row.description, err, got)
		}
	}
}

// TestPasswords looks for the password of a URL in what is said.
func TestPasswords(t *testing.T) {
	server := serve(t, 1, "/api/entrypoints")
	at := strings.Replace(server.URL, "://", "://admin:hunter2@", 1)
	var said []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	for _, at := range []string{at, "http://admin:hunter2@127.0.0.1:1", "http://admin:hunter2@%",
		"admin:hunter2@127.0.0.1:1"} {
		_, err := running.API{At: at}.Read(t.Context(), say)
		if err == nil {
			t.Fatalf("%s: no error", at)
		}
		said = append(said, err.Error())
	}
	if text := strings.Join(said, "\n"); strings.Contains(text, "hunter2") {
		t.Errorf("the password is said: %s", text)
	}
}

// TestWrongAPI has places at which no API can be.
func TestWrongAPI(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	server := serve(t, 1, "/api/api/entrypoints")
	const wanted = "wanted a URL that begins with http:// or https://, or a folder"
	rows := []struct {
		description string
		api         running.API
		want        string
	}{
		{"no scheme", running.API{At: "127.0.0.1:8080"}, `--api "127.0.0.1:8080": ` + wanted},
		{"no folder", running.API{At: "/nowhere"}, `--api "/nowhere": ` + wanted},
		{"a file", running.API{At: file}, wanted},
		{"the path of the API", running.API{At: server.URL + "/api"}, "without /api"},
		{"a header without a colon", running.API{At: server.URL, Header: []string{"secret"}},
			`--api-header: wanted "Name: value"`},
	}
	for _, row := range rows {
		_, err := row.api.Read(t.Context(), silent)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.description, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the header is said: %v", row.description, err)
		}
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := (running.API{At: dir}).Read(t.Context(), silent); err == nil ||
		!strings.Contains(err.Error(), "no file entrypoints.json") {
		t.Errorf("an empty folder: %v", err)
	}
	write("entrypoints.json", `[{"name": "web", "address": ":80/udp", "http": {"tls": {}}}]`)
	write("http-routers.json", `[{"name": "a@file"}]`)
	write("certificates.json", "")
	write("http/middlewares.json", `[{"name": "guard@file", "plugin": {"tenantguard": {}}}]`)
	got, err := running.API{At: dir}.Read(t.Context(), silent)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Routers) != 1 || got.HasCertificates || len(got.Middlewares) != 1 ||
		got.EntryPoints[0].Address != ":80/udp" || !got.EntryPoints[0].HasTLS() {
		t.Errorf("%+v", got)
	}
	write("http-routers.json", `{`)
	if _, err := (running.API{At: dir}).Read(t.Context(), silent); err == nil ||
		!strings.Contains(err.Error(), "http/routers of") {
		t.Errorf("broken JSON: %v", err)
	}
}

// TestSecrets looks for the key of a Secret in what is kept of it.
func TestSecrets(t *testing.T) {
	pem, err := os.ReadFile("../../../../testdata/certificates/acme-exact.pem")
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, _ := strings.Cut(string(pem), "-----BEGIN PRIVATE KEY")
	key = "-----BEGIN PRIVATE KEY" + key
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	rows := []struct {
		description, data, kind string
		kept                    bool
		paths, problem          string
	}{
		{"a certificate", "tls.crt: " + encode(certificate) + ", tls.key: " + encode(key),
			"kubernetes.io/tls", true, "", ""},
		{"of another type", "tls.crt: " + encode(certificate), "Opaque", true, "", ""},
		{"as openssl pkcs12 writes it", "tls.crt: " + encode("Bag Attributes\n"+certificate) +
			", tls.key: " + encode("Bag Attributes\n"+key), "kubernetes.io/tls", true, "", ""},
		{"paths", "tls.crt: " + encode("/a") + ", tls.key: " + encode("/b"), "Opaque", true,
			"tls.crt tls.key", "there is no certificate in it"},
		{"empty, before it is issued", "tls.crt: '', tls.key: ''", "kubernetes.io/tls", true,
			"", ""},
		{"no certificate", "password: " + encode("x"), "Opaque", false, "", ""},
	}
	for _, row := range rows {
		objects, err := running.ParseManifests("x.yaml", []byte(fmt.Sprintf(
			"{apiVersion: v1, kind: Secret, metadata: {name: x}, type: %s, data: {%s}}",
			row.kind, row.data)))
		if err != nil {
			t.Fatalf("%s: %v", row.description, err)
		}
		if len(objects.All) != 0 || (len(objects.Secrets) == 1) != row.kept {
			t.Errorf("%s: %d objects, %d Secrets", row.description, len(objects.All),
				len(objects.Secrets))
			continue
		}
		if !row.kept {
			continue
		}
		s := objects.Secrets[0]
		if strings.Join(s.Paths, " ") != row.paths || s.Problem != row.problem {
			t.Errorf("%s: %q %q", row.description, s.Paths, s.Problem)
		}
		if text := fmt.Sprintf("%+v", objects); strings.Contains(text, "PRIVATE") {
			t.Errorf("%s: the key is kept", row.description)
		}
	}
}

// TestManifests has files of several forms.
func TestManifests(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a.yaml": "{apiVersion: v1, kind: Service, metadata: {name: b}}\n---\n" +
			"{apiVersion: v1, kind: Service, metadata: {name: a, namespace: z}}\n---\nhttp: " +
			"{}\n---\n[x]\n",
		"b.json": `{"apiVersion": "v1", "kind": "List", "items": [
			{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}]}`,
		"readme.txt": "{",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	objects, err := running.ReadManifests([]string{dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var titles []string
	for _, o := range objects.All {
		titles = append(titles, o.Title())
	}
	if got := strings.Join(titles, ", "); got != "Namespace default, Namespace n, "+
		"Namespace z, Service default/b, Service z/a" {
		t.Errorf("%s", got)
	}
	if _, err := running.ReadManifests(
		[]string{filepath.Join(dir, "readme.txt")}, nil); err == nil {
		t.Error("a file that is no YAML is read")
	}
}
