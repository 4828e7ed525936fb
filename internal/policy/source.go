package policy

// Source is where a policy is written: a file, or the inline keys of a middleware.
type Source struct {
	// File is the path of the policy file, "" for inline keys.
	File   string
	Inline map[string]any
	// Operator reports whether the inline keys are the operator's, who may have files read.
	Operator bool
	// Clustered reports whether a cluster is asked, as for Parse.
	Clustered bool
}

// Parse reads the policy. readFile reads the policy file, and the files of roots that it names. The
// result is nil where there are errors.
func (s Source) Parse(readFile func(path string) (string, error)) (*Parsed, []string) {
	if s.File != "" {
		return ParseFile(s.File, readFile, s.Clustered)
	}
	if !s.Operator {
		readFile = nil
	}
	return Parse(s.Inline, readFile, s.Clustered)
}
