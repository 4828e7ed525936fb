package secrets

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/pem"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestSecretsThatCount(t *testing.T) {
	rows := []struct {
		description string
		data        map[string]string
		want        string
	}{
		{"a certificate and its key", map[string]string{"tls.crt": certificate("a"), "tls.key": privateKey}, "found"},
		{"more keys", map[string]string{"ca.crt": certificate("b"), "tls.crt": certificate("a"), "tls.key": privateKey}, "found"},
		{"a chain", map[string]string{"tls.crt": certificate("a") + certificate("b"), "tls.key": privateKey}, "found"},
		{"text and a key before the certificate", map[string]string{"tls.crt": "subject=a\n" + privateKey + certificate("a"), "tls.key": "k"}, "found"},
		{"no key", map[string]string{"tls.crt": certificate("a")}, "absent"},
		{"an empty key", map[string]string{"tls.crt": certificate("a"), "tls.key": ""}, "absent"},
		{"no certificate", map[string]string{"tls.key": privateKey}, "absent"},
		{"an empty certificate", map[string]string{"tls.crt": "", "tls.key": privateKey}, "absent"},
		{"the issuer of another leaf", map[string]string{"tls.crt": certificate("b") + certificate("a"), "tls.key": privateKey}, "absent"},
		{"an authority", map[string]string{"ca.crt": certificate("a"), "tls.crt": certificate("b"), "tls.key": privateKey}, "absent"},
		{"other case", map[string]string{"TLS.CRT": certificate("a"), "tls.key": privateKey}, "absent"},
		{"a key of other case", map[string]string{"tls.crt": certificate("a"), "TLS.KEY": privateKey}, "absent"},
		{"another case beside", map[string]string{"TLS.CRT": certificate("a"), "tls.crt": certificate("b"), "tls.key": privateKey}, "absent"},
		{"broken PEM", map[string]string{"tls.crt": strings.Replace(certificate("a"), "-----END", "----END", 1), "tls.key": privateKey}, "absent"},
		{"another block", map[string]string{"tls.crt": strings.ReplaceAll(certificate("a"), "CERTIFICATE", "TRUSTED CERTIFICATE"), "tls.key": privateKey}, "absent"},
		{"DER", map[string]string{"tls.crt": "a", "tls.key": privateKey}, "absent"},
		{"a path", map[string]string{"tls.crt": "/etc/passwd", "tls.key": privateKey}, "absent"},
		{"nothing", map[string]string{}, "absent"},
	}
	c := start(t)
	for _, row := range rows {
		s, now := c.store(t)
		c.put("acme", "a-good-one", map[string]string{"tls.crt": certificate("good"), "tls.key": privateKey})
		c.put("acme", "web", row.data)
		if got := confirm(s, "a", "acme"); got != row.want {
			t.Errorf("%s: %s, want %s", row.description, got, row.want)
		}
		if got := confirm(s, "good", "acme"); got != "found" {
			t.Errorf("%s: the other Secret is %s", row.description, got)
		}
		now.pass(ttl)
		if got := confirm(s, "a", "acme"); got != row.want {
			t.Errorf("%s: looked at by name: %s, want %s", row.description, got, row.want)
		}
	}
}

func TestSecretsOfAnyType(t *testing.T) {
	c := start(t)
	for _, kind := range []string{"kubernetes.io/tls", "Opaque", "helm.sh/release.v1", "example.com/own", ""} {
		s, _ := c.store(t)
		c.mu.Lock()
		c.secrets["acme"] = []fake{{name: "web", kind: kind, data: map[string]string{"tls.crt": certificate("a"), "tls.key": privateKey}}}
		c.mu.Unlock()
		if got := confirm(s, "a", "acme"); got != "found" {
			t.Errorf("type %q: %s", kind, got)
		}
	}
}

func TestRealCertificate(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", "testdata", "certificates", "acme-exact.pem"))
	if err != nil {
		t.Fatal(err)
	}
	leaf := []byte(nil)
	for rest := content; leaf == nil; {
		block, after := pem.Decode(rest)
		if block.Type == "CERTIFICATE" {
			leaf = block.Bytes
		}
		rest = after
	}
	c := start(t)
	s, _ := c.store(t)
	c.put("acme", "web", map[string]string{"tls.crt": string(content), "tls.key": string(content)})
	if got := confirm(s, string(leaf), "acme"); got != "found" {
		t.Errorf("%s", got)
	}
}

func TestValue(t *testing.T) {
	rows := []struct {
		data string
		want string
	}{
		{`{"tls.crt":"QUJD"}`, "QUJD"},
		{`{"a":"tls.crt","tls.crt": "QUJD","b":"x"}`, "QUJD"},
		{`{"x-tls.crt":"eHh4","tls.crt":"QUJD"}`, "QUJD"},
		{`{"x-tls.crt":"eHh4"}`, ""},
		{`{"tls.crt":""}`, ""},
		{`{"tls.crt":null,"b":"x"}`, ""},
		{`{"tls.crt":`, ""},
		{`{"tls.crt":"QUJD`, ""},
		{`null`, ""},
		{``, ""},
	}
	for _, row := range rows {
		if got := string(value([]byte(row.data), certificateKey)); got != row.want {
			t.Errorf("%s: %q, want %q", row.data, got, row.want)
		}
	}
}

// TestPrivateKeysAreNotKept looks for a private key in all that the store keeps, its errors and the
// log, after answers of every kind.
func TestPrivateKeysAreNotKept(t *testing.T) {
	logged := &bytes.Buffer{}
	log.SetOutput(logged)
	defer log.SetOutput(os.Stderr)
	c := start(t)
	s, now := c.store(t)
	c.putLeaf("acme", "web", "a")
	c.put("acme", "combined", map[string]string{"tls.crt": privateKey + certificate("b"), "tls.key": privateKey})
	c.put("acme", "broken", map[string]string{"tls.crt": privateKey, "tls.key": privateKey})
	said := confirm(s, "a", "acme") + confirm(s, "b", "acme") + confirm(s, "forged", "acme")
	now.pass(ttl)
	said += confirm(s, "a", "acme")
	encoded := base64.StdEncoding.EncodeToString([]byte(privateKey))
	answers := []string{
		encoded, `{"kind":"SecretList","items":"` + encoded + `"}`, `{"kind":"SecretList","items":[{"data":"` + encoded + `"}]}`,
		`{"kind":"SecretList","items":[{"data":{"tls.key":"` + encoded + `","tls.crt":"` + encoded, c.get("acme", "web"),
	}
	for _, text := range answers {
		for _, code := range []int{http.StatusOK, http.StatusInternalServerError, http.StatusForbidden} {
			said += disturbed(s, c, now, code, text)
		}
	}
	c.setDisturb(nil)
	now.pass(ttl)
	said += confirm(s, "forged", "acme")
	if !strings.Contains(said, "found") || !strings.Contains(said, "can't be asked") {
		t.Errorf("%s", said)
	}
	found := &keeper{seen: map[uintptr]bool{}}
	found.walk(reflect.ValueOf(s))
	if !strings.Contains(found.text.String(), "combined") || !strings.Contains(found.text.String(), digest([]byte("a"))) {
		t.Fatal("the walk does not find what is kept")
	}
	for _, secret := range []string{encoded[:40], "bm9ib2R5IG1h", "nobody may ever", "PRIVATE KEY"} {
		for where, text := range map[string]string{"kept": found.text.String(), "said": said, "logged": logged.String()} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is %s", secret, where)
			}
		}
	}
}

// disturbed returns what is said of answers that are not what was asked for.
func disturbed(s *Store, c *cluster, now *clock, code int, text string) string {
	c.setDisturb(func(call string, rw http.ResponseWriter, req *http.Request) bool {
		rw.WriteHeader(code)
		_, _ = rw.Write([]byte(text))
		return true
	})
	now.pass(ttl)
	said := ""
	for _, leaf := range []string{"a", "forged"} {
		if _, _, err := s.Confirm(context.Background(), []byte(leaf), []string{"acme"}, ttl, 0); err != nil {
			said += err.Error()
		}
		now.pass(failurePause)
	}
	return said
}

// keeper collects the texts in all that can be reached from a value, but for connections.
type keeper struct {
	seen map[uintptr]bool
	text bytes.Buffer
}

func (k *keeper) walk(value reflect.Value) {
	switch value.Kind() {
	case reflect.Pointer:
		if value.IsNil() || k.seen[value.Pointer()] || value.Type().String() == "*http.Transport" || value.Type().String() == "*time.Location" {
			return
		}
		k.seen[value.Pointer()] = true
		k.walk(value.Elem())
	case reflect.Interface:
		k.walk(value.Elem())
	case reflect.String:
		k.text.WriteString(value.String() + "\n")
	case reflect.Slice:
		if value.Type().Elem().Kind() == reflect.Uint8 {
			k.text.Write(value.Bytes())
			return
		}
		k.each(value)
	case reflect.Array:
		k.each(value)
	case reflect.Struct:
		for i := 0; i < value.NumField(); i++ {
			k.walk(value.Field(i))
		}
	case reflect.Map:
		for _, key := range value.MapKeys() {
			k.walk(key)
			k.walk(value.MapIndex(key))
		}
	}
}

func (k *keeper) each(value reflect.Value) {
	for i := 0; i < value.Len(); i++ {
		k.walk(value.Index(i))
	}
}
