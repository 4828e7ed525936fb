// Command generate writes examples/kubernetes/admission, and the webhook's configuration. It is run
// by go generate, in the folder of package admission. With -folder it writes the policies for
// another label, or for hosts by rule, into a new folder.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tenantguard/tenantguard/internal/admission"
)

const (
	root = "../../examples/kubernetes/admission"
	// webhook is the one generated file of that folder.
	webhook = "../../examples/kubernetes/webhook/configuration.yaml"
)

func main() {
	options := admission.Defaults()
	folder := flag.String("folder", "", "where to write, a folder that is not there yet")
	flag.StringVar(&options.Label, "label", options.Label, "kubernetes.tenantLabel of the guard")
	flag.BoolVar(&options.LabelByPlatform, "label-by-platform", false,
		"whether the platform sets the label when tenants create a Namespace, and protects it")
	hosts := flag.String("hosts", "", "kubernetes.hosts of the guard, with commas between")
	flag.Parse()
	if *hosts != "" {
		for _, text := range strings.Split(*hosts, ",") {
			options.Hosts = append(options.Hosts, strings.ToLower(strings.TrimSpace(text)))
		}
	}
	if err := run(*folder, options); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run writes the policies into a new folder, or replaces the examples, so that no file stays of a
// policy that is no more.
func run(folder string, options admission.Options) error {
	if err := options.Check(); err != nil {
		return err
	}
	if folder == "" {
		if err := os.RemoveAll(root); err != nil {
			return err
		}
		if err := write(root, admission.Defaults()); err != nil {
			return err
		}
		content := admission.Defaults().WebhookYAML(admission.DefaultWebhook())
		return os.WriteFile(webhook, []byte(content), 0o644)
	}
	if _, err := os.Stat(folder); err == nil {
		return fmt.Errorf("folder %q is there already, wanted a new one", folder)
	}
	return write(folder, options)
}

func write(root string, options admission.Options) error {
	for name, content := range options.Files() {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
