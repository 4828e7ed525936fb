package kubernetes_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/internal/poll"
	"github.com/tenantguard/tenantguard/e2e/lab"
	"github.com/tenantguard/tenantguard/internal/status"
)

// testSeen has Ingresses of a tenant and of none, without a request so far: the status page
// says of which Namespace each is. A tenant's Ingress that uses the operator's page shows nothing.
func testSeen(t *testing.T, w *world) {
	const page = "/tenantguard/"
	tr := w.traefik(w.off[namings[0]], 9, providers(namings[0], nil), lab.Map{}, lab.Map{
		"entryPoints": lab.Map{"status": lab.Map{
			"address": "127.0.0.1:0", "http": lab.Map{"middlewares": []string{}},
		}},
	})
	tr.Apply(t, lab.NewConfig().Guard("status", lab.Map{"status": true}).
		Merge(lab.Map{"http": lab.Map{"routers": lab.Map{"status": lab.Map{
			"entryPoints": []string{"status"}, "rule": "PathPrefix(`/tenantguard`)",
			"middlewares": []string{"status"}, "service": "api@internal",
		}}}}))
	nobody := w.cluster.Tenant(w.t, "nobody")
	service := nobody.Service(w.t, "nobody")
	unowned := []string{
		cluster.Route{Name: "seen", Host: "seen.nobody.test", Service: service}.
			Ingress("traefik", "", cluster.OnWebsecure),
		cluster.Route{Name: "seen-nginx", Host: "seen-nginx.nobody.test", Service: service}.
			Ingress("nginx", "", cluster.NoRedirect),
	}
	own := w.acme.ingress("seen", "traefik", "seen.acme.test", "/", "tls", cluster.OnWebsecure)
	peek := w.acme.ingress("peek", "traefik", "peek.acme.test", "/", "tls", cluster.OnWebsecure+
		", traefik.ingress.kubernetes.io/router.middlewares: status@file")
	w.acme.Apply(t, own, peek)
	nobody.Apply(t, unowned...)
	defer func() {
		w.acme.Delete(t, own, peek)
		nobody.Delete(t, unowned...)
	}()

	var state status.State
	target := lab.Target{Addr: tr.Addr("status"), Plain: true}
	require.NoError(t, poll.Until(t.Context(), 20*time.Second, func() error {
		response := lab.Get(t, lab.HTTP1, target, "traefik.test", page+"status.json")
		if err := json.Unmarshal([]byte(response.Body), &state); err != nil {
			return fmt.Errorf("%d: %w", response.Status, err)
		}
		problems := map[string]string{}
		for _, router := range state.Routers {
			problems[router.Rule] += router.Problem + " "
		}
		for _, host := range []string{"seen.nobody.test", "seen-nginx.nobody.test"} {
			found := false
			for rule, problem := range problems {
				isIt := strings.Contains(rule, host)
				found = found || (isIt && strings.Contains(problem, "unbound"))
			}
			if !found {
				return fmt.Errorf("%s is not said to be unbound: %v", host, problems)
			}
		}
		return nil
	}))
	if hasIngressNamespace {
		for _, router := range state.Routers {
			assert.NotContains(t, router.Rule, "acme.test", "%+v", router)
		}
	}
	tr.WaitRouter(t, cluster.ForHost("peek.acme.test"))
	response := get(t, tr, "peek.acme.test", page, false)
	assert.Equal(t, http.StatusForbidden, response.Status)
	assert.NotContains(t, response.Body, "globex")
}
