package traefik

import (
	"context"
	"reflect"
)

// IngressNamespace returns the namespace that Traefik 3.7 says, with each request, for routers
// made from an Ingress: the field Metadata.Ingress.Namespace of a value in the request's context.
// It is "" where Traefik does not say.
func IngressNamespace(ctx context.Context) string {
	namespace := ""
	findValue(ctx, func(value reflect.Value) bool {
		namespace = namespaceOf(value)
		return namespace != ""
	})
	return namespace
}

// NoNamespace returns why IngressNamespace found no namespace, "" where it found one.
func NoNamespace(namespace string) string {
	if namespace != "" {
		return ""
	}
	return "no value in a request's context has Metadata.Ingress.Namespace, as before Traefik 3.7"
}

func namespaceOf(value reflect.Value) string {
	for _, field := range []string{"Metadata", "Ingress", "Namespace"} {
		value = pointee(value)
		if value.Kind() != reflect.Struct {
			return ""
		}
		value = value.FieldByName(field)
	}
	if value.Kind() != reflect.String {
		return ""
	}
	return value.String()
}
