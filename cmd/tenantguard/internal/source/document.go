package source

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Document is what is written in a policy, in the spelling of the documentation: lists as lists,
// and nothing that is not there.
type Document struct {
	Mode           string        `json:"mode,omitempty"`
	PolicyFile     string        `json:"policyFile,omitempty"`
	LegacyNames    string        `json:"legacyNames,omitempty"`
	Plaintext      string        `json:"plaintext,omitempty"`
	TrustedProxies *[]string     `json:"trustedProxies,omitempty"`
	ServerName     string        `json:"serverName,omitempty"`
	Tenants        []Tenant      `json:"tenants,omitempty"`
	Shared         *Shared       `json:"shared,omitempty"`
	Certificates   *Certificates `json:"certificates,omitempty"`
	Kubernetes     *Kubernetes   `json:"kubernetes,omitempty"`
	ExposeReason   *bool         `json:"exposeReason,omitempty"`
	Status         *bool         `json:"status,omitempty"`
}

// Tenant is one of tenants.
type Tenant struct {
	Name         string        `json:"name,omitempty"`
	Mode         string        `json:"mode,omitempty"`
	Namespaces   []string      `json:"namespaces,omitempty"`
	Routers      []string      `json:"routers,omitempty"`
	Hosts        []string      `json:"hosts,omitempty"`
	Guest        *Guest        `json:"guest,omitempty"`
	Certificates *Certificates `json:"certificates,omitempty"`

	KubernetesNamespaces *bool `json:"kubernetesNamespaces,omitempty"`
}

// Guest is the section guest of a tenant.
type Guest struct {
	Hosts []string `json:"hosts,omitempty"`
	Paths []string `json:"paths,omitempty"`
}

// Shared is the section shared.
type Shared struct {
	Hosts      []string `json:"hosts,omitempty"`
	Namespaces []string `json:"namespaces,omitempty"`
	Pins       []string `json:"pins,omitempty"`
}

// Certificates is a section certificates.
type Certificates struct {
	Check   string    `json:"check,omitempty"`
	Roots   string    `json:"roots,omitempty"`
	Pins    *[]string `json:"pins,omitempty"`
	Secrets *bool     `json:"secrets,omitempty"`
	TTL     string    `json:"ttl,omitempty"`
	Observe string    `json:"observe,omitempty"`
	OnError string    `json:"onError,omitempty"`
}

// Kubernetes is the section kubernetes.
type Kubernetes struct {
	Enabled     *bool    `json:"enabled,omitempty"`
	Endpoint    string   `json:"endpoint,omitempty"`
	TokenFile   string   `json:"tokenFile,omitempty"`
	CAFile      string   `json:"caFile,omitempty"`
	Grace       string   `json:"grace,omitempty"`
	TenantLabel string   `json:"tenantLabel,omitempty"`
	Hosts       []string `json:"hosts,omitempty"`
}

// DocumentOf returns what is written in keys. What the plugin would refuse is left out.
func DocumentOf(keys map[string]any) *Document {
	d := &Document{}
	into(reflect.ValueOf(d).Elem(), keys)

	return d
}

// into fills a value with what is written for it.
func into(target reflect.Value, written any) {
	if written == nil {
		return
	}
	switch target.Kind() {
	case reflect.Pointer:
		if text, isText := written.(string); isText && text == "" &&
			target.Type().Elem().Kind() == reflect.Struct {
			return // what the file provider makes of {}
		}
		target.Set(reflect.New(target.Type().Elem()))
		into(target.Elem(), written)
	case reflect.Struct:
		values := mapOf(written)
		for i := range target.NumField() {
			name, _, _ := strings.Cut(target.Type().Field(i).Tag.Get("json"), ",")
			into(target.Field(i), valueOf(values, name))
		}
	case reflect.Slice:
		items := listOf(written)
		target.Set(reflect.MakeSlice(target.Type(), len(items), len(items)))
		for i, item := range items {
			into(target.Index(i), item)
		}
	case reflect.Bool:
		value, _ := strconv.ParseBool(fmt.Sprint(written))
		target.SetBool(value)
	case reflect.String:
		target.SetString(wordOf(written))
	}
}

// wordOf writes a value as text. YAML reads off as false.
func wordOf(written any) string {
	if written == false {
		return "off"
	}

	return fmt.Sprint(written)
}

// mapOf returns a map, whatever its type is, nil for anything else.
func mapOf(written any) map[string]any {
	if values, isMap := written.(map[string]any); isMap {
		return values
	}
	value := reflect.ValueOf(written)
	if value.Kind() != reflect.Map {
		return nil
	}
	values := map[string]any{}
	for _, key := range value.MapKeys() {
		values[fmt.Sprint(key.Interface())] = value.MapIndex(key).Interface()
	}

	return values
}

// listOf returns a list in any of its forms: a list, text with commas, or a map with the keys 0, 1
// and so on.
func listOf(written any) []any {
	if text, isText := written.(string); isText {
		var items []any
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}

		return items
	}
	var items []any
	value := reflect.ValueOf(written)
	if value.Kind() == reflect.Slice {
		for i := range value.Len() {
			items = append(items, value.Index(i).Interface())
		}

		return items
	}
	values := mapOf(written)
	for i := range len(values) {
		items = append(items, values[strconv.Itoa(i)])
	}

	return items
}

// Document returns what is written: in the keys of the middleware and in the policy file, as if all
// were in one place.
func (l *Loaded) Document() *Document {
	d := DocumentOf(l.Keys)
	if l.PolicyFile == "" {
		return d
	}
	content, found := l.Written[l.PolicyFile]
	if l.Content != "" {
		content, found = []byte(l.Content), true
	}
	var keys map[string]any
	if !found || json.Unmarshal(content, &keys) != nil {
		return d
	}
	file := DocumentOf(keys)
	d.PolicyFile = ""
	d.Tenants, d.Shared, d.Certificates = file.Tenants, file.Shared, file.Certificates

	return d
}

// Merged returns the policy that is in force as a document: with the policy file in place, and with
// what the Namespaces of the cluster add. It is nil where none is in force.
func (l *Loaded) Merged() *Document {
	if l.Effective == nil {
		return nil
	}
	d := l.Document()
	places := map[string]int{}
	for i, tenant := range d.Tenants {
		places[tenant.Name] = i
	}
	hosts, namespaces := l.hosts(), l.namespaces()
	for _, tenant := range l.Effective.Tenants {
		i, found := places[tenant.Name]
		if !found {
			i = len(d.Tenants)
			d.Tenants = append(d.Tenants, Tenant{Name: tenant.Name})
		}
		d.Tenants[i].Mode = tenant.Mode
		d.Tenants[i].Namespaces = added(d.Tenants[i].Namespaces, namespaces[tenant.Name])
		d.Tenants[i].Hosts = added(d.Tenants[i].Hosts, hosts[tenant.Name])
	}

	return d
}
