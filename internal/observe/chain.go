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

const (
	// maxChains and maxBytes bound the chains of Chains and their DER. How many there are depends
	// on Traefik's configuration and on no client.
	maxChains = 2000
	maxBytes  = 16 << 20
)

// Chains has each chain once. The zero Chains is ready to use.
type Chains struct {
	mu sync.Mutex
	// byDigest has the chains by the digest of their DER, and byAddress by where the list of that
	// lies in memory: crypto/tls gives all connections of one certificate the same list. It is
	// kept, so that no other can lie there.
	byDigest  map[[sha256.Size]byte]*Chain
	byAddress map[*[]byte]entry
	// bytes counts the DER of byDigest.
	bytes int
}

// entry has a chain and the list that it is of.
type entry struct {
	der   [][]byte
	chain *Chain
}

// Of returns the chain of what Go says was served on a connection, nil for nothing.
func (c *Chains) Of(der [][]byte) *Chain {
	if len(der) == 0 {
		return nil
	}
	address := &der[0]
	c.mu.Lock()
	known := c.byAddress[address]
	c.mu.Unlock()
	if known.chain != nil && len(known.der) == len(der) {
		return known.chain
	}
	chain := c.only(der, func() *Chain {
		certificates, err := Parse(der)
		if err != nil {
			return &Chain{Problem: err.Error()}
		}
		return &Chain{Certificates: certificates}
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byAddress == nil || len(c.byAddress) >= maxChains {
		c.byAddress = map[*[]byte]entry{}
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
	return c.only(der, func() *Chain {
		if problem := problemOf(certificates); problem != "" {
			return &Chain{Problem: problem}
		}
		return &Chain{Certificates: certificates}
	})
}

// only returns the chain that stands for all equal ones, which is made if there is none.
func (c *Chains) only(der [][]byte, parse func() *Chain) *Chain {
	hash := sha256.New()
	size := 0
	for _, one := range der {
		sum := sha256.Sum256(one) // so that no byte can be of one certificate or of the next
		_, _ = hash.Write(sum[:])
		size += len(one)
	}
	digest := [sha256.Size]byte{}
	copy(digest[:], hash.Sum(nil))
	c.mu.Lock()
	known := c.byDigest[digest]
	c.mu.Unlock()
	if known != nil {
		return known
	}
	made := parse()
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.byDigest[digest]; known != nil {
		return known
	}
	if c.byDigest == nil || len(c.byDigest) >= maxChains || c.bytes+size > maxBytes {
		c.byDigest = map[[sha256.Size]byte]*Chain{}
		c.byAddress = nil
		c.bytes = 0
	}
	c.byDigest[digest] = made
	c.bytes += size
	return made
}
