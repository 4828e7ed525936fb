package routers

import (
	"context"
	"reflect"

	"github.com/tenantguard/tenantguard/internal/peek"
)

// NamespaceFromRequest reads the namespace that Traefik 3.7 tells, with each request, for routers made from an Ingress:
// the field Metadata.Ingress.Namespace of a value in the request's context. It is "" where Traefik does not tell.
func NamespaceFromRequest(ctx context.Context) string {
	value := reflect.ValueOf(ctx)
	for depth := 0; depth < maxDepth; depth++ {
		value = peek.Pointee(value)
		if value.Kind() != reflect.Struct {
			break
		}
		if namespace := fromMetadata(value.FieldByName("val")); namespace != "" {
			return namespace
		}
		value = value.FieldByName("Context")
	}
	return ""
}

func fromMetadata(value reflect.Value) string {
	for _, field := range []string{"Metadata", "Ingress", "Namespace"} {
		value = peek.Pointee(value)
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
