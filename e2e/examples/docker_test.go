package examples

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// container is what Docker tells of a container, as far as Traefik's provider asks.
type container struct {
	ID    string `json:"Id"`
	Name  string
	Image string
	State struct {
		Status  string
		Running bool
	}
	Config struct {
		Image  string
		Labels map[string]string
	}
	NetworkSettings struct {
		Ports    map[string][]struct{}
		Networks map[string]struct{ IPAddress string }
	}
}

// newContainer is a container whose server, on this machine, names it in each answer.
func newContainer(t *testing.T, name, image string, labels map[string]string) container {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set(lab.TenantHeader, name)
	}))
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	ip, port, err := net.SplitHostPort(address.Host)
	require.NoError(t, err)

	c := container{ID: name, Name: "/" + name, Image: image}
	c.State.Status, c.State.Running = "running", true
	c.Config.Image, c.Config.Labels = image, labels
	c.NetworkSettings.Ports = map[string][]struct{}{port + "/tcp": {}}
	c.NetworkSettings.Networks = map[string]struct{ IPAddress string }{"bridge": {ip}}

	return c
}

// serveDocker serves Docker's API with these containers, on which nothing ever changes, and returns
// its endpoint.
func serveDocker(t *testing.T, containers []container) string {
	t.Helper()
	version := map[string]string{"Version": "28.0.0", "ApiVersion": "1.48", "MinAPIVersion": "1.24"}
	var list []map[string]string
	inspected := map[string]container{}
	for _, c := range containers {
		list = append(list, map[string]string{"Id": c.ID})
		inspected[c.ID] = c
	}
	// The path begins with the version that the client has chosen.
	prefix := regexp.MustCompile(`^/v[0-9.]+`)
	mux := http.NewServeMux()
	mux.HandleFunc("/_ping", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/version", func(rw http.ResponseWriter, _ *http.Request) {
		answer(rw, version)
	})
	mux.HandleFunc("/containers/json", func(rw http.ResponseWriter, _ *http.Request) {
		answer(rw, list)
	})
	mux.HandleFunc("/containers/{id}/json", func(rw http.ResponseWriter, req *http.Request) {
		answer(rw, inspected[req.PathValue("id")])
	})
	mux.HandleFunc("/events", func(rw http.ResponseWriter, req *http.Request) {
		rw.(http.Flusher).Flush()
		<-req.Context().Done()
	})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		rw.Header().Set("Api-Version", version["ApiVersion"])
		rw.Header().Set("Content-Type", "application/json")
		req.URL.Path = prefix.ReplaceAllString(req.URL.Path, "")
		mux.ServeHTTP(rw, req)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})

	return "tcp://" + server.Listener.Addr().String()
}

func answer(rw http.ResponseWriter, value any) { _ = json.NewEncoder(rw).Encode(value) }
