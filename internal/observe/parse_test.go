package observe

import "testing"

func TestParse(t *testing.T) {
	chain := loadCertificate(t, "acme-exact").Certificate
	parsed, err := Parse(chain)
	if err != nil || len(parsed) != len(chain) || len(parsed) < 2 {
		t.Fatalf("%d certificates of %d, %v", len(parsed), len(chain), err)
	}
	if got := parsed[0].DNSNames; len(got) != 1 || got[0] != victim {
		t.Errorf("the leaf names %q, want %q", got, victim)
	}
	for _, wrong := range [][][]byte{{[]byte("x")}, {chain[0], []byte("x")}} {
		if got, err := Parse(wrong); err == nil || got != nil {
			t.Errorf("%d certificates of a chain that has none, want an error", len(got))
		}
	}
}
