package binaries

import (
	"strings"

	"golang.org/x/mod/modfile"
)

// This file says how the cluster's programs are built. Its text is part of the cache key: a change builds anew.

// program is a main package of a module on the proxy.
type program struct {
	name    string
	module  string
	version string
	pkg     string
	// staging, if set, is the version under which the modules that the repository replaces by folders of its own are
	// on the proxy. Otherwise they are there under the version that the module requires.
	staging string
	ldflags string
}

// kubernetesRelease is written into kube-apiserver, which otherwise calls itself a development version.
const kubernetesRelease = "v1.36.1"

var (
	apiServer = program{
		name:    "kube-apiserver",
		module:  "k8s.io/kubernetes",
		version: kubernetesRelease,
		pkg:     "k8s.io/kubernetes/cmd/kube-apiserver",
		staging: "v0.36.1",
		ldflags: "-X k8s.io/component-base/version.gitVersion=" + kubernetesRelease +
			" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36",
	}
	etcd = program{
		name:    "etcd",
		module:  "go.etcd.io/etcd/server/v3",
		version: "v3.6.5",
		pkg:     "go.etcd.io/etcd/server/v3",
	}
)

func (p program) buildArgs(output string) []string {
	ldflags := strings.TrimSpace("-s -w " + p.ldflags)
	return []string{"build", "-v", "-mod=mod", "-ldflags", ldflags, "-o", output, p.pkg}
}

// goMod is the module's go.mod as that of a module which builds its main package: replacements by folders of the
// repository, which are not in the module's zip, become modules on the proxy.
func (p program) goMod(source []byte) ([]byte, error) {
	file, err := modfile.Parse("go.mod", source, nil)
	if err != nil {
		return nil, err
	}
	if err := file.AddModuleStmt("tenantguard.test/" + p.name); err != nil {
		return nil, err
	}
	if err := file.AddRequire(p.module, p.version); err != nil {
		return nil, err
	}

	var folders []string
	for _, replace := range file.Replace {
		if modfile.IsDirectoryPath(replace.New.Path) {
			folders = append(folders, replace.Old.Path)
		}
	}
	for _, path := range folders {
		if err := file.DropReplace(path, ""); err != nil {
			return nil, err
		}
	}
	file.Cleanup()
	if p.staging != "" {
		for _, path := range folders {
			if err := file.AddReplace(path, "", path, p.staging); err != nil {
				return nil, err
			}
		}
	}

	file.Cleanup()

	return file.Format()
}
