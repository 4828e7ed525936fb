package observe

import (
	"crypto/x509"
	"encoding/binary"
	"testing"
)

// copyOf returns a chain in DER at other addresses.
func copyOf(der [][]byte) [][]byte {
	var copied [][]byte
	for _, one := range der {
		copied = append(copied, append([]byte{}, one...))
	}
	return copied
}

// TestEqualChainsAreOne asks for chains that are equal and for others, in every way they come.
func TestEqualChainsAreOne(t *testing.T) {
	exact := loadCertificate(t, "acme-exact").Certificate
	two := loadCertificate(t, "acme-two").Certificate
	c := &Chains{}
	first := c.Of(exact)
	if len(first.Certificates) != len(exact) || first.Problem != "" {
		t.Fatalf("%d certificates, %q", len(first.Certificates), first.Problem)
	}
	parsed, err := Parse(exact)
	if err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		description string
		chain       *Chain
		same        bool
	}{
		{"the same list", c.Of(exact), true},
		{"an equal list", c.Of(copyOf(exact)), true},
		{"the same bytes in another list", c.Of(append([][]byte{}, exact...)), true},
		{"an equal chain that was observed", c.of(parsed), true},
		{"the leaf alone", c.Of(exact[:1]), false},
		{"the leaf alone, observed", c.of(parsed[:1]), false},
		{"another leaf", c.Of(two), false},
		{"another leaf before the same authority", c.Of([][]byte{two[0], exact[1]}), false},
		{"the chain twice", c.Of(append(copyOf(exact), exact...)), false},
		{"one that does not parse", c.Of([][]byte{exact[0], []byte("x")}), false},
	}
	for _, row := range rows {
		if got := row.chain == first; got != row.same {
			t.Errorf("%s: the same chain is %t", row.description, got)
		}
	}
	if c.Of(exact[:1]) != c.of(parsed[:1]) {
		t.Error("two chains of the leaf alone")
	}
	for _, none := range [][][]byte{nil, {}} {
		if c.Of(none) != nil {
			t.Error("nothing is a chain")
		}
	}
}

// TestChainIsParsedOnce has a chain come again at the same address and at another one.
func TestChainIsParsedOnce(t *testing.T) {
	der := loadCertificate(t, "acme-exact").Certificate
	c := &Chains{}
	parsed := 0
	parse := func() *Chain {
		parsed++
		return &Chain{}
	}
	first := c.only(der, parse)
	if c.only(copyOf(der), parse) != first || parsed != 1 {
		t.Errorf("parsed %d times, want once", parsed)
	}
	known := c.Of(der)
	der[0] = []byte("x") // whoever looks at it finds something else
	if known != first || c.Of(der) != first {
		t.Error("a list that is known is looked at again")
	}
}

// TestWhatDoesNotParse has Go give a chain that it does not accept.
func TestWhatDoesNotParse(t *testing.T) {
	c := &Chains{}
	der := [][]byte{loadCertificate(t, "acme-exact").Certificate[0], []byte("x")}
	for i := 0; i < 2; i++ {
		if got := c.Of(der); len(got.Certificates) != 0 || got.Problem == "" {
			t.Errorf("%d certificates, %q", len(got.Certificates), got.Problem)
		}
	}
	large := []*x509.Certificate{{Raw: []byte("x"), PublicKey: nil}}
	if got := c.of(large); len(got.Certificates) != 0 || got.Problem == "" {
		t.Errorf("observed: %d certificates, %q", len(got.Certificates), got.Problem)
	}
}

// TestChainsAreBounded has more chains be served than are kept, and larger ones.
func TestChainsAreBounded(t *testing.T) {
	rows := []struct {
		description string
		size        int
		chains      int
	}{
		{"many", 4, maxChains + 10},
		{"large", maxBytes / 10, 25},
	}
	for _, row := range rows {
		c := &Chains{}
		for i := 0; i < row.chains; i++ {
			der := make([]byte, row.size)
			binary.BigEndian.PutUint32(der, uint32(i))
			c.Of([][]byte{der})
			if c.bytes > maxBytes || len(c.byDigest) > maxChains || len(c.byAddress) > maxChains {
				t.Fatalf("%s: %d chains, %d addresses and %d bytes", row.description,
					len(c.byDigest), len(c.byAddress), c.bytes)
			}
			if len(c.byAddress)*row.size > maxBytes {
				t.Fatalf("%s: %d addresses", row.description, len(c.byAddress))
			}
		}
		if len(c.byDigest) == 0 || c.bytes != len(c.byDigest)*row.size {
			t.Errorf("%s: %d bytes of %d chains", row.description, c.bytes, len(c.byDigest))
		}
	}
}
