package kubernetes_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tenantguard/tenantguard/e2e/cluster"
)

// testCollidingNames has two tenants whose Ingresses lead to services of one name in Traefik:
// shop-api + gateway and shop + api-gateway. Traefik keeps one of the two, at random after each
// change: the attacker makes changes until Traefik keeps the attacker's.
func testCollidingNames(t *testing.T, w *world) {
	if !hasIngressNamespace {
		t.Skip("the victim's own Ingress is refused: its namespace is not known")
	}
	const at = "shop-api.test"
	victim := w.team(t, "shop-api")
	time.Sleep(1100 * time.Millisecond) // the age of a Namespace is in seconds
	attacker := w.team(t, "shop")
	victim.service = victim.Service(w.t, "gateway")
	attacker.service = attacker.Service(w.t, "api-gateway")
	own := victim.ingress("web", "traefik", at, "/", "tls", cluster.OnWebsecure)
	victim.Apply(t, own)
	defer victim.Delete(t, own)
	for _, tr := range w.all(plain) {
		tr.WaitRouter(t, cluster.ForHost(at))
		tr.WaitCertificate(t, at, victim.certificate)
	}
	repeated := again{
		name: "services of one name", by: attacker, owner: victim, own: []string{own}, host: at,
		manifests: []string{attacker.ingress("web", "traefik", "shop.test", "/", "",
			cluster.OnWebsecure)},
		pages: []page{{host: at, tenant: victim.service}}, at: []place{{plain, len(w.rows)}},
		second: true,
	}
	served := w.watch(t, w.on[plain], repeated.pages)
	defer repeated.undo(t)

	line := row{
		attack:   "Ingresses of shop and shop-api whose services have one name",
		provider: "kubernetesIngress",
	}
	for try := 0; try < 100 && (line.off == "" || line.on == ""); try++ {
		attacker.Apply(t, attacker.ingress("web", "traefik", "shop.test", "/", "",
			fmt.Sprintf("%s, try: '%d'", cluster.OnWebsecure, try)))
		time.Sleep(200 * time.Millisecond)
		if off := get(t, w.off[plain], at, "/", false); off.Tenant() != victim.service {
			assert.Equal(t, attacker.service, off.Tenant())
			line.off = w.describe(off, attack{})
		}
		if on := get(t, w.on[plain], at, "/", false); on.Tenant() != victim.service {
			line.on = w.describe(on, attack{})
		}
	}
	assert.NotEmpty(t, line.off, "guard off: the attack does not succeed")
	assert.Equal(t, line.off, line.on, "guard on")
	line.on += unseen
	line.onServed = served.result(t)
	w.again = append(w.again, repeated)
	w.rows = append(w.rows, line)
}
