package secrets

import (
	"bytes"
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
	a, b, key := certificate("a"), certificate("b"), privateKey
	broken := strings.Replace(a, "-----END", "----END", 1)
	other := strings.ReplaceAll(a, "CERTIFICATE", "TRUSTED CERTIFICATE")
	rows := []struct {
		description string
		// data are keys and their values.
		data []string
		want string
	}{
		{"a certificate and its key", []string{"tls.crt", a, "tls.key", key}, "found"},
		{"more keys", []string{"ca.crt", b, "tls.crt", a, "tls.key", key}, "found"},
		{"a chain", []string{"tls.crt", a + b, "tls.key", key}, "found"},
		{"text and a key before the certificate",
			[]string{"tls.crt", "subject=a\n" + key + a, "tls.key", "k"}, "found"},
		{"no key", []string{"tls.crt", a}, "absent"},
		{"an empty key", []string{"tls.crt", a, "tls.key", ""}, "absent"},
		{"no certificate", []string{"tls.key", key}, "absent"},
		{"an empty certificate", []string{"tls.crt", "", "tls.key", key}, "absent"},
		{"the issuer of another leaf", []string{"tls.crt", b + a, "tls.key", key}, "absent"},
		{"an authority", []string{"ca.crt", a, "tls.crt", b, "tls.key", key}, "absent"},
		{"other case", []string{"TLS.CRT", a, "tls.key", key}, "absent"},
		{"a key of other case", []string{"tls.crt", a, "TLS.KEY", key}, "absent"},
		{"another case beside", []string{"TLS.CRT", a, "tls.crt", b, "tls.key", key}, "absent"},
		{"broken PEM", []string{"tls.crt", broken, "tls.key", key}, "absent"},
		{"another block", []string{"tls.crt", other, "tls.key", key}, "absent"},
		{"DER", []string{"tls.crt", "a", "tls.key", key}, "absent"},
		{"a path", []string{"tls.crt", "/etc/passwd", "tls.key", key}, "absent"},
		{"nothing", nil, "absent"},
	}
	c := start(t)
	for _, row := range rows {
		s, now := c.store(t)
		c.putLeaf("acme", "a-good-one", "good")
		data := map[string]string{}
		for i := 0; i < len(row.data); i += 2 {
			data[row.data[i]] = row.data[i+1]
		}
		c.put("acme", "web", data)
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
	kinds := []string{"kubernetes.io/tls", "Opaque", "helm.sh/release.v1", "example.com/own", ""}
	for _, kind := range kinds {
		s, _ := c.store(t)
		c.putLeaf("acme", "web", "a")
		c.mu.Lock()
		c.secrets["acme"][0].kind = kind
		c.mu.Unlock()
		if got := confirm(s, "a", "acme"); got != "found" {
			t.Errorf("type %q: %s", kind, got)
		}
	}
}

func TestRealCertificate(t *testing.T) {
	path := filepath.Join("..", "..", "testdata", "certificates", "acme-exact.pem")
	content, err := os.ReadFile(path)
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

// TestServedLeafOfBadData has data that no API sends.
func TestServedLeafOfBadData(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte(certificate("a") + "   "))
	rows := []struct {
		description string
		data        string
		want        string
	}{
		{"good data", `{"tls.crt":"` + encoded + `","tls.key":"eA=="}`, digest([]byte("a"))},
		{"text after the base64", `{"tls.crt":"` + encoded + `!","tls.key":"eA=="}`, ""},
		{"no text", `{"tls.crt":7,"tls.key":"eA=="}`, ""},
		{"a key that is no text", `{"tls.crt":"` + encoded + `","tls.key":7}`, ""},
	}
	for _, row := range rows {
		if got := servedLeaf([]byte(row.data)); got != row.want {
			t.Errorf("%s: %x, want %x", row.description, got, row.want)
		}
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
	combined := privateKey + certificate("b")
	c.put("acme", "combined", map[string]string{"tls.crt": combined, "tls.key": privateKey})
	c.put("acme", "broken", map[string]string{"tls.crt": privateKey, "tls.key": privateKey})
	said := confirm(s, "a", "acme") + confirm(s, "b", "acme") + confirm(s, "forged", "acme")
	now.pass(ttl)
	said += confirm(s, "a", "acme")
	encoded := base64.StdEncoding.EncodeToString([]byte(privateKey))
	answers := []string{
		encoded,
		`{"kind":"SecretList","items":"` + encoded + `"}`,
		`{"kind":"SecretList","items":[{"data":"` + encoded + `"}]}`,
		`{"kind":"SecretList","items":[{"data":{"tls.key":"` + encoded + `","tls.crt":"` + encoded,
		c.get("acme", "web"),
	}
	for _, text := range answers {
		for _, code := range []int{http.StatusOK, 500, http.StatusForbidden} {
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
	kept := found.text.String()
	if !strings.Contains(kept, "combined") || !strings.Contains(kept, digest([]byte("a"))) {
		t.Fatal("the walk does not find what is kept")
	}
	texts := map[string]string{"kept": kept, "said": said, "logged": logged.String()}
	for _, part := range []string{encoded[:40], "bm9ib2R5IG1h", "nobody may ever", "PRIVATE KEY"} {
		for where, text := range texts {
			if strings.Contains(text, part) {
				t.Errorf("%q is %s", part, where)
			}
		}
	}
}

// disturbed returns the errors after wrong answers.
func disturbed(s *Store, c *cluster, now *clock, code int, text string) string {
	c.setDisturb(func(call string, rw http.ResponseWriter, req *http.Request) bool {
		rw.WriteHeader(code)
		_, _ = rw.Write([]byte(text))
		return true
	})
	now.pass(ttl)
	said := ""
	for _, leaf := range []string{"a", "forged"} {
		if _, _, err := look(s, leaf, ttl, 0, "acme"); err != nil {
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
		name := value.Type().String()
		if value.IsNil() || name == "*http.Transport" || name == "*time.Location" {
			return
		}
		if k.seen[value.Pointer()] {
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
