// Package routers answers whose router this is: it reads the router's name out of the constructor's context and finds
// the tenant that the name proves.
package routers

import (
	"context"
	"encoding/json"
	"reflect"

	"github.com/tenantguard/tenantguard/internal/peek"
)

// Router is what Traefik tells of the router that a middleware stands in front of.
type Router struct {
	// Name is qualified with the provider: name@provider. Empty when Traefik did not tell.
	Name string
	// EntryPoint is the entry point the router was built for.
	EntryPoint string
	// FromMiddleware tells that Name is the middleware's for want of the router's.
	FromMiddleware bool
}

// maxDepth bounds the walk up a context; Traefik's is a dozen values deep.
const maxDepth = 64

// FromContext reads the router from the context of a middleware's constructor. Traefik tells a plugin the router's name
// nowhere else: it is among the fields of the logger in the context. They are there at every log level and in every log
// format, for zerolog keeps them as JSON until a line is written.
func FromContext(ctx context.Context) Router {
	value := reflect.ValueOf(ctx)
	for depth := 0; depth < maxDepth; depth++ {
		value = peek.Pointee(value)
		if value.Kind() != reflect.Struct {
			break
		}
		if router := fromLogger(value.FieldByName("val")); router.Name != "" {
			return router
		}
		value = value.FieldByName("Context")
	}
	return Router{}
}

// FromMiddleware is the second best: a middleware from a CRD lies in the namespace that its own name tells, and only
// routers of that namespace use it unless Traefik allows references across namespaces.
func FromMiddleware(name string) Router {
	if providerOf(name) != providerCRD {
		return Router{}
	}
	return Router{Name: name, FromMiddleware: true}
}

// fromLogger reads a *zerolog.Logger by its shape: the interpreter has no type of that name.
func fromLogger(value reflect.Value) Router {
	logger := peek.Pointee(value)
	if logger.Kind() != reflect.Struct {
		return Router{}
	}
	fields := logger.FieldByName("context")
	if fields.Kind() != reflect.Slice || fields.Type().Elem().Kind() != reflect.Uint8 {
		return Router{}
	}
	return parseFields(fields.Bytes())
}

// parseFields reads the logger's fields: a JSON object that is not closed. Where a field comes twice the last one is
// the innermost, and the one that encoding/json keeps.
func parseFields(fields []byte) Router {
	var values map[string]any
	object := append(append([]byte{}, fields...), '}')
	if json.Unmarshal(object, &values) != nil {
		return Router{}
	}
	name, _ := values["routerName"].(string)
	entryPoint, _ := values["entryPointName"].(string)
	return Router{Name: name, EntryPoint: entryPoint}
}
