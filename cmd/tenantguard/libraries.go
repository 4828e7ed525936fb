//go:build libraries

// This file keeps what the commands are to require in go.mod until they import it.

package main

import (
	_ "github.com/BurntSushi/toml"
	_ "github.com/stretchr/testify/require"
	_ "github.com/tenantguard/tenantguard/internal/policy"
	_ "github.com/traefik/paerser/file"
	_ "github.com/traefik/paerser/flag"
	_ "github.com/traefik/paerser/parser"
	_ "github.com/vulcand/predicate"
	_ "golang.org/x/net/publicsuffix"
	_ "k8s.io/api/admission/v1"
	_ "k8s.io/api/core/v1"
	_ "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	_ "k8s.io/client-go/discovery"
	_ "k8s.io/client-go/dynamic"
	_ "k8s.io/client-go/dynamic/dynamicinformer"
	_ "k8s.io/client-go/kubernetes"
	_ "k8s.io/client-go/rest"
	_ "k8s.io/client-go/tools/cache"
	_ "k8s.io/client-go/tools/clientcmd"
	_ "sigs.k8s.io/yaml"
)
