package secrets

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenantguard/tenantguard/internal/kube"
	"github.com/tenantguard/tenantguard/internal/kube/kubetest"
)

// privateKey is what must be found nowhere. It stands for both its forms: in PEM, and in the base64
// of the API.
const privateKey = "-----BEGIN PRIVATE KEY-----\nbm9ib2R5IG1heSBldmVyIHNlZSB0aGlz\n" +
	"-----END PRIVATE KEY-----\n"

// cluster is an API server that has Secrets.
type cluster struct {
	config kube.Config

	mu      sync.Mutex
	token   string
	secrets map[string][]fake
	disturb disturbance
	calls   []string
	running map[string]int
	// most is how many requests for one namespace there were at a time.
	most int
}

// disturbance answers a call in place of the API if it returns true.
type disturbance func(call string, rw http.ResponseWriter, req *http.Request) bool

// fake is a Secret.
type fake struct {
	name string
	kind string
	data map[string]string
}

func start(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{token: "token", secrets: map[string][]fake{}, running: map[string]int{}}
	handler := func(rw http.ResponseWriter, req *http.Request) { c.handle(rw, req) }
	c.config = kubetest.Start(t, http.HandlerFunc(handler))
	return c
}

// renewToken makes the API accept another token, which is not in the file yet.
func (c *cluster) renewToken(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = token
}

// store returns a store of the cluster that makes no pauses, and its clock.
func (c *cluster) store(t *testing.T) (*Store, *clock) {
	t.Helper()
	client, err := kube.New(c.config, func(name string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	now := &clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	s := NewStore(client, func() time.Time { return now.read() })
	s.absentPause = 0 // it is of the real time
	return s, now
}

// handle answers as kube-apiserver does. A call is written "list acme", "list acme 250" from the
// second page on, or "get acme web".
func (c *cluster) handle(rw http.ResponseWriter, req *http.Request) {
	parts := strings.Split(req.URL.Path, "/")
	namespace, name := parts[4], ""
	if len(parts) > 6 {
		name = parts[6]
	}
	call := strings.TrimSpace("list " + namespace + " " + req.URL.Query().Get("continue"))
	if name != "" {
		call = "get " + namespace + " " + name
	}
	disturb, token := c.enter(namespace, call)
	defer c.leave(namespace)
	rw.Header().Set("Content-Type", "application/json")
	if req.Header.Get("Authorization") != "Bearer "+token {
		refuse(rw, http.StatusUnauthorized)
		return
	}
	if disturb != nil && disturb(call, rw, req) {
		return
	}
	answer := ""
	if name != "" {
		answer = c.get(namespace, name)
	} else {
		limit, _ := strconv.Atoi(req.URL.Query().Get("limit"))
		from, _ := strconv.Atoi(req.URL.Query().Get("continue"))
		answer = c.list(namespace, from, limit)
	}
	if answer == "" {
		refuse(rw, http.StatusNotFound)
		return
	}
	_, _ = rw.Write([]byte(answer))
}

// enter counts a call, and returns the disturbance and the token of the time.
func (c *cluster) enter(namespace, call string) (disturbance, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, call)
	c.running[namespace]++
	if c.running[namespace] > c.most {
		c.most = c.running[namespace]
	}
	return c.disturb, c.token
}

func (c *cluster) leave(namespace string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running[namespace]--
}

func refuse(rw http.ResponseWriter, code int) {
	rw.WriteHeader(code)
	_, _ = fmt.Fprintf(rw, `{"kind":"Status","reason":%q,"message":"on purpose"}`,
		http.StatusText(code))
}

func (c *cluster) get(namespace, name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.secrets[namespace] {
		if one.name == name {
			return strings.Replace(one.json(), "{", `{"kind":"Secret","apiVersion":"v1",`, 1)
		}
	}
	return ""
}

func (c *cluster) list(namespace string, from, limit int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.secrets[namespace]
	end := from + limit
	more := strconv.Itoa(end)
	if end >= len(all) {
		end = len(all)
		more = ""
	}
	items := []string{}
	for i := from; i < end; i++ {
		items = append(items, all[i].json())
	}
	return fmt.Sprintf(`{"kind":"SecretList","apiVersion":"v1",`+
		`"metadata":{"resourceVersion":"7","continue":%q},"items":[%s]}`,
		more, strings.Join(items, ","))
}

// json is a Secret as kube-apiserver writes it, keys in order, in a list without its kind.
func (f fake) json() string {
	var data []string
	for _, key := range []string{"TLS.CRT", "TLS.KEY", "ca.crt", "tls.crt", "tls.key"} {
		if content, there := f.data[key]; there {
			encoded := base64.StdEncoding.EncodeToString([]byte(content))
			data = append(data, fmt.Sprintf("%q:%q", key, encoded))
		}
	}
	return fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"x","uid":"u"},"data":{%s},"type":%q}`,
		f.name, strings.Join(data, ","), f.kind)
}

// put creates or replaces a Secret.
func (c *cluster) put(namespace, name string, data map[string]string) {
	c.remove(namespace, name)
	c.mu.Lock()
	defer c.mu.Unlock()
	secret := fake{name: name, kind: "kubernetes.io/tls", data: data}
	c.secrets[namespace] = append(c.secrets[namespace], secret)
}

// putLeaf creates or replaces a Secret with a certificate and its key.
func (c *cluster) putLeaf(namespace, name, leaf string) {
	c.put(namespace, name, map[string]string{"tls.crt": certificate(leaf), "tls.key": privateKey})
}

// putLeaves puts "leaf 0" and so on into Secrets "web-0" and so on.
func (c *cluster) putLeaves(namespace string, count int) {
	for i := 0; i < count; i++ {
		c.putLeaf(namespace, fmt.Sprintf("web-%d", i), fmt.Sprintf("leaf %d", i))
	}
}

func (c *cluster) remove(namespace, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var kept []fake
	for _, one := range c.secrets[namespace] {
		if one.name != name {
			kept = append(kept, one)
		}
	}
	c.secrets[namespace] = kept
}

func (c *cluster) setDisturb(disturb disturbance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.disturb = disturb
}

// fail answers every call whose text begins so with a status.
func (c *cluster) fail(prefix string, code int) {
	c.setDisturb(func(call string, rw http.ResponseWriter, req *http.Request) bool {
		if !strings.HasPrefix(call, prefix) {
			return false
		}
		refuse(rw, code)
		return true
	})
}

// hang leaves every call whose text begins so without an answer.
func (c *cluster) hang(prefix string) {
	c.setDisturb(func(call string, rw http.ResponseWriter, req *http.Request) bool {
		if strings.HasPrefix(call, prefix) {
			<-req.Context().Done()
		}
		return false
	})
}

// said returns the calls since the last time.
func (c *cluster) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := strings.Join(c.calls, ", ")
	c.calls = nil
	return calls
}

// certificate is a leaf in PEM: its content does not matter here.
func certificate(leaf string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte(leaf)}))
}

// clock is a time that stands still.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
