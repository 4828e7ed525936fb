package observe

import (
	"crypto/sha256"
	"crypto/x509"
	"sync"
)

// Chain is a served chain, leaf first. Equal chains are one Chain, for as long as it is in use:
// what is found out about one can be kept by its address.
type Chain struct {
	// Certificates is empty where Go does not accept the chain, and Problem says why then.
	Certificates []*x509.Certificate
	Problem      string
}

// maxChains bounds the chains of Chains. How many there are depends on Traefik's configuration and
// on no client.
const maxChains = 2000

// Chains has each chain once. The zero Chains is ready to use.
type Chains struct {
	mu sync.Mutex
	// byDigest has the chains by the digest of their DER, and byAddress by where that lies in
	// memory: crypto/tls gives the connections of one certificate the same bytes. The chains keep
	// these bytes, so that nothing else can lie there.
	byDigest  map[[sha256.Size]byte]*Chain
	byAddress map[*byte]entry
}

type entry struct {
	der   [][]byte
	chain *Chain
}

// Of returns the chain of what Go says was served on a connection, nil for nothing.
func (c *Chains) Of(der [][]byte) *Chain {
	if len(der) == 0 || len(der[0]) == 0 {
		return nil
	}
	address := &der[0][0]
	c.mu.Lock()
	known := c.byAddress[address]
	c.mu.Unlock()
	if known.chain != nil && len(known.der) == len(der) {
		return known.chain
	}
	chain := &Chain{}
	parsed, err := Parse(der)
	if err != nil {
		chain.Problem = err.Error()
	}
	chain.Certificates = parsed
	chain = c.only(chain, der)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byAddress == nil || len(c.byAddress) >= maxChains {
		c.byAddress = map[*byte]entry{}
	}
	c.byAddress[address] = entry{der: der, chain: chain}
	return chain
}

// of returns the chain of parsed certificates.
func (c *Chains) of(certificates []*x509.Certificate) *Chain {
	der := make([][]byte, 0, len(certificates))
	for _, certificate := range certificates {
		der = append(der, certificate.Raw)
	}
	return c.only(&Chain{Certificates: certificates}, der)
}

// only returns the chain that stands for all equal ones: the given one if it is the first.
func (c *Chains) only(chain *Chain, der [][]byte) *Chain {
	hash := sha256.New()
	for _, one := range der {
		_, _ = hash.Write(one)
	}
	digest := [sha256.Size]byte{}
	copy(digest[:], hash.Sum(nil))
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.byDigest[digest]; known != nil {
		return known
	}
	if c.byDigest == nil || len(c.byDigest) >= maxChains {
		c.byDigest = map[[sha256.Size]byte]*Chain{}
	}
	c.byDigest[digest] = chain
	return chain
}
