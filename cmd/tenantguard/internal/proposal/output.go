package proposal

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tenantguard/tenantguard/internal/policy"

	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/finding"
	"github.com/tenantguard/tenantguard/cmd/tenantguard/internal/source"
)

// Document returns the proposal as keys of a middleware, in report mode.
func (p *Proposal) Document() *source.Document {
	d := p.PolicyFile()
	d.Mode = policy.ModeReport
	if p.IsCluster {
		yes := true
		d.Kubernetes = &source.Kubernetes{Enabled: &yes}
	}

	return d
}

// PolicyFile returns the proposal as a policy file, which has no mode: that is the middleware's.
func (p *Proposal) PolicyFile() *source.Document {
	d := &source.Document{}
	for _, t := range p.Tenants {
		if len(t.Namespaces)+len(t.Routers)+len(t.Hosts) > 0 {
			d.Tenants = append(d.Tenants, p.tenant(t))
		}
	}
	if len(p.SharedHosts)+len(p.SharedNamespaces) > 0 {
		d.Shared = &source.Shared{Hosts: p.SharedHosts, Namespaces: p.SharedNamespaces}
	}

	return d
}

func (p *Proposal) tenant(t *Tenant) source.Tenant {
	written := source.Tenant{
		Name: t.Name, Namespaces: t.Namespaces, Routers: t.Routers, Hosts: t.Hosts,
	}
	if len(t.GuestHosts) > 0 {
		written.Guest = &source.Guest{Hosts: t.GuestHosts, Paths: t.GuestPaths}
	}
	if p.IsCluster && t.NoSecrets {
		no := false
		written.Certificates = &source.Certificates{Secrets: &no}
	}

	return written
}

// WriteYAML writes the keys of a middleware, with what is unclear as comments.
func (p *Proposal) WriteYAML(w io.Writer) error {
	var text strings.Builder
	text.WriteString("# The keys of the guard's middleware, from what runs. In report mode " +
		"nothing is " +
		"denied:\n# denials are logged. Set mode to enforce when none is left.\n")
	if len(p.Unclear) > 0 {
		text.WriteString("#\n# What could not be told:\n")
	}
	for _, f := range p.Unclear {
		fmt.Fprintf(&text, "#\n# - %s: %s\n#   %s\n",
			comment(f.Subject), comment(f.Message), comment(f.Do))
	}
	if err := finding.Write(&text, finding.YAML, p.Document(), nil); err != nil {
		return err
	}
	_, err := io.WriteString(w, text.String())

	return err
}

// comment is a text that stays in its line.
func comment(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029' {
			return ' '
		}

		return r
	}, text)
}

// Labels returns the commands that write the proposal to Namespaces, and the keys of the middleware
// for what Namespaces can't say.
func (p *Proposal) Labels(label string) (commands []string, rest *source.Document) {
	rest = &source.Document{Mode: policy.ModeReport, Shared: p.PolicyFile().Shared}
	yes := true
	rest.Kubernetes = &source.Kubernetes{Enabled: &yes}
	if label != policy.TenantLabel {
		rest.Kubernetes.TenantLabel = label
	}
	for _, t := range p.Tenants {
		if len(t.Namespaces) == 0 || len(t.GuestHosts)+len(t.Routers) > 0 || t.NoSecrets {
			written := p.tenant(t)
			if len(t.Namespaces) > 0 {
				written.Namespaces, written.Hosts = nil, nil
				written.KubernetesNamespaces = &yes
			}
			rest.Tenants = append(rest.Tenants, written)
		}
		for i, namespace := range t.Namespaces {
			commands = append(commands, fmt.Sprintf("kubectl label namespace %s --overwrite %s=%s",
				finding.Word(namespace), label, finding.Word(t.Name)))
			if i == 0 && len(t.Hosts) > 0 {
				commands = append(commands, fmt.Sprintf(
					"kubectl annotate namespace %s --overwrite %s=%s", finding.Word(namespace),
					policy.HostsAnnotation, finding.Quoted(strings.Join(t.Hosts, ", "))))
			}
		}
	}

	return slices.Clip(commands), rest
}

// WriteLabels writes the commands, with the keys of the middleware as comments before them.
func (p *Proposal) WriteLabels(w io.Writer, label string) error {
	commands, rest := p.Labels(label)
	var content, text strings.Builder
	if err := finding.Write(&content, finding.YAML, rest, nil); err != nil {
		return err
	}
	text.WriteString("# The keys of the guard's middleware:\n#\n")
	for _, line := range strings.Split(strings.TrimSpace(content.String()), "\n") {
		text.WriteString("#   " + comment(line) + "\n")
	}
	text.WriteString("#\n# What could not be told is on standard error. The commands:\n\n" +
		strings.Join(commands, "\n") + "\n")
	_, err := io.WriteString(w, text.String())

	return err
}

// list writes names in a sentence, the first ones of many.
func list(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}

	return strings.Join(names, ", ")
}
