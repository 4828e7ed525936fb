package guard

import (
	"flag"
	"fmt"
	"math/rand"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/binding"
	"github.com/tenantguard/tenantguard/internal/verdict"
)

var soak = flag.Duration("soak", 2*time.Second, "how long TestSoak lasts")

// soakRound is how long what is served and the policy stay as they are.
const soakRound = 50 * time.Millisecond

// TestSoak has many ask at once while routers are built anew, certificates and policies change and
// what is known is forgotten. Each answer must be that of a reference which knows what is served.
func TestSoak(t *testing.T) {
	served := []struct {
		certificate string
		// own is the verdict on the tenant's own requests.
		own verdict.Code
	}{
		{"acme-two", verdict.Pass},
		{"hijack-sorts-last", verdict.CertificateForeign},
		{"acme-expired", verdict.CertificateExpired},
		{"globex-exact", verdict.CertificateName},
	}
	random := rand.New(rand.NewSource(1))
	total := 0
	for end := time.Now().Add(*soak); time.Now().Before(end); {
		s := served[random.Intn(len(served))]
		total += soakOnce(t, s.certificate, s.own, random.Int63())
		if t.Failed() {
			return
		}
	}
	if total < 100 {
		t.Errorf("%d requests, want many", total)
	}
}

// soakOnce builds a router anew and has many ask it for a while.
func soakOnce(t *testing.T, certificate string, own verdict.Code, seed int64) int {
	entryPoint := serving(t, certificateOf(t, certificate))
	defer entryPoint.Close()
	const name = "soak@file"
	router := binding.Parse("acme_web_0@kubernetescrd", "websecure")
	g := newGuard(http.NotFoundHandler(), name, acmeKeys(nil), router)
	handler := handlerOf(g)
	var clients sync.WaitGroup
	var mu sync.Mutex
	total := 0
	end := time.Now().Add(soakRound)
	client := func(random *rand.Rand) {
		defer clients.Done()
		for time.Now().Before(end) {
			r := soakRequest(random, own)
			req := at(entryPoint, tlsRequest(r.host, r.serverName))
			got := reasonOf(handler, req)
			mu.Lock()
			total++
			if got != string(r.want) {
				t.Errorf("%s for %q in a connection for %q: %q, want %q",
					certificate, r.host, r.serverName, got, r.want)
			}
			mu.Unlock()
		}
	}
	for i := int64(0); i < 8; i++ {
		clients.Add(1)
		go client(rand.New(rand.NewSource(seed + i)))
	}
	for time.Now().Before(end) {
		forget(name)
		g.known.clearFast()
		middlewares.Refresh()
		time.Sleep(time.Millisecond)
	}
	clients.Wait()
	return total
}

// soaked is a request and the verdict on it.
type soaked struct {
	host, serverName string
	want             verdict.Code
}

// soakRequest returns a request with what is wanted of it, where own is wanted of the tenant's own.
func soakRequest(random *rand.Rand, own verdict.Code) soaked {
	const foreign = "x.unowned.example"
	switch random.Intn(6) {
	case 0:
		return soaked{foreign, hostA, verdict.HostUnowned}
	case 1:
		return soaked{"a b", hostA, verdict.HostInvalid}
	case 2:
		return soaked{hostA, foreign, verdict.SNIForeign}
	case 3:
		return soaked{hostA, "", verdict.SNIMissing}
	case 4:
		port := fmt.Sprintf(":%d", random.Intn(60000))
		return soaked{strings.ToUpper(hostA) + port, hostA, own}
	}
	return soaked{hostA, hostA, own}
}
