package policy

// Source is where a policy is written: a file, or the inline keys of a middleware.
type Source struct {
	// File is the path of the policy file, "" for inline keys.
	File   string
	Inline map[string]any
	// Refusal is why the inline keys are not the operator's, "" if they are. See Refusal.
	Refusal string
	// Clustered reports whether a cluster is asked, as for Parse.
	Clustered bool
	// Kubernetes says what is read of its Namespaces.
	Kubernetes Kubernetes
}

// Parse reads the policy. readFile reads the policy file, and the files of roots that it names. The
// result is nil where there are errors.
func (s Source) Parse(readFile func(path string) (string, error)) (*Parsed, []string) {
	parsed, errs := s.parse(readFile)
	if parsed != nil {
		parsed.tenantLabel = s.Kubernetes.TenantLabel
		parsed.templates = s.Kubernetes.templates()
	}
	return parsed, errs
}

func (s Source) parse(readFile func(path string) (string, error)) (*Parsed, []string) {
	if s.File != "" {
		return ParseFile(s.File, readFile, s.Clustered)
	}
	return Parse(s.Inline, readFile, s.Refusal, s.Clustered)
}
