package traefik

import (
	"context"
	"encoding/json"
	"reflect"
)

// Router is the router that a middleware was built for.
type Router struct {
	// Name is qualified with the provider, name@provider. It is "" where Traefik does not say.
	Name string
	// EntryPoint is the entry point that the router was built for, "" where Traefik does not say.
	EntryPoint string
}

// RouterOf returns the router from the context of a middleware's constructor. Traefik gives a
// plugin the router's name nowhere else: it is among the fields of the logger in the context.
// They are there at every log level and in every log format, for zerolog keeps them as JSON until
// a line is written.
func RouterOf(ctx context.Context) Router {
	router := Router{}
	problem := ""
	defer recoverAs(&problem)
	findValue(ctx, func(value reflect.Value) bool {
		router = routerOfLogger(value)
		return router.Name != ""
	})
	if router.Name == "" {
		return Router{}
	}
	return router
}

// routerOfLogger reads a *zerolog.Logger by its shape: the interpreter has no type of that name.
func routerOfLogger(value reflect.Value) Router {
	logger := pointee(value)
	if logger.Kind() != reflect.Struct {
		return Router{}
	}
	fields := logger.FieldByName("context")
	if fields.Kind() != reflect.Slice || fields.Type().Elem().Kind() != reflect.Uint8 {
		return Router{}
	}
	return parseFields(fields.Bytes())
}

// parseFields reads the logger's fields: a JSON object that is not closed. Where a field comes
// twice the last one is the innermost, and the one that encoding/json keeps.
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
