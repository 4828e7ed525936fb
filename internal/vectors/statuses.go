package vectors

// Statuses are the denials with their HTTP statuses, as the contract's table has them: tests
// compare with these, not with what the code under test says.
var Statuses = map[string]int{
	"policy-invalid":          503,
	"router-unknown":          403,
	"router-unbound":          403,
	"router-ambiguous":        403,
	"host-invalid":            400,
	"host-unowned":            403,
	"host-foreign":            403,
	"tls-required":            403,
	"sni-missing":             421,
	"sni-foreign":             421,
	"certificate-unavailable": 503,
	"certificate-expired":     421,
	"certificate-name":        421,
	"certificate-foreign":     421,
	"certificate-untrusted":   421,
	"certificate-unpinned":    421,
	"certificate-secret":      421,
}
