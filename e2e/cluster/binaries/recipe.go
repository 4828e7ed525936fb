package binaries

import (
	"context"

	"github.com/tenantguard/tenantguard/e2e/internal/build"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// This file says how the cluster's programs are built. Its text is part of the cache key: a change
// builds anew.

const (
	// release is written into kube-apiserver, which otherwise calls itself a development version.
	release = "v1.36.1"
	// staging is the version under which the modules that Kubernetes' repository replaces by
	// folders of its own are on the proxy.
	staging = "v0.36.1"
	stamp   = "-X k8s.io/component-base/version."
)

var (
	apiServer = build.Recipe{
		Name:    "kube-apiserver",
		Version: release,
		Module:  "k8s.io/kubernetes",
		Package: "k8s.io/kubernetes/cmd/kube-apiserver",
		LDFlags: stamp + "gitVersion=" + release + " " +
			stamp + "gitMajor=1 " + stamp + "gitMinor=36",
		Text:    recipe,
		Replace: folders(staging),
	}
	// etcd's folders are on the proxy under the versions that its module requires.
	etcd = build.Recipe{
		Name:    "etcd",
		Version: "v3.6.5",
		Module:  "go.etcd.io/etcd/server/v3",
		Package: "go.etcd.io/etcd/server/v3",
		Text:    recipe,
		Replace: folders(""),
	}
)

// folders replaces folders of the repository, which are not in the module's zip, by modules on the
// proxy: of that version, or if it is empty of the one required.
func folders(version string) build.Replace {
	return func(_ context.Context, _ build.Dir, source *modfile.File) (build.Replacements, error) {
		replacements := build.Replacements{}
		for _, replace := range source.Replace {
			if !modfile.IsDirectoryPath(replace.New.Path) {
				continue
			}
			path, onProxy := replace.Old.Path, module.Version{}
			if version != "" {
				onProxy = module.Version{Path: path, Version: version}
			}
			replacements[path] = onProxy
		}
		return replacements, nil
	}
}
