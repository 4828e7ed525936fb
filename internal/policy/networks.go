package policy

import (
	"fmt"
	"net/netip"
	"sort"
)

// Networks are addresses and networks, by prefix. They do not change once they are made.
type Networks struct {
	prefixes map[netip.Prefix]bool
	// lengths are how long the prefixes of each family are: one look-up for each is enough, however
	// many networks there are.
	lengths4, lengths6 []int
}

// Contains reports whether the host of an address with a port lies in one of the networks. An IPv4
// address that is written as an IPv6 one (RFC 4291 section 2.5.5.2) is an IPv4 address.
func (n *Networks) Contains(hostAndPort string) bool {
	if n == nil {
		return false
	}
	peer, err := netip.ParseAddrPort(hostAndPort)
	if err != nil {
		return false
	}
	address := peer.Addr().Unmap().WithZone("")
	lengths := n.lengths6
	if address.Is4() {
		lengths = n.lengths4
	}
	for _, length := range lengths {
		prefix, err := address.Prefix(length)
		if err == nil && n.prefixes[prefix] {
			return true
		}
	}
	return false
}

// networks reads a list of addresses and networks, nil for none.
func (d *decoder) networks(path string, value any) *Networks {
	if value == nil {
		return nil
	}
	n := &Networks{prefixes: map[netip.Prefix]bool{}}
	d.each(path, value, func(path, text string) {
		prefix, wanted := parseNetwork(text)
		if wanted != "" {
			d.fail(path, text, wanted)
			return
		}
		n.prefixes[prefix] = true
	})
	n.listLengths()
	return n
}

// parseNetwork reads an address or a network, or returns what was wanted.
func parseNetwork(text string) (prefix netip.Prefix, wanted string) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), ""
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix.Addr().Is4In6() {
		return netip.Prefix{}, `wanted an address or a network such as "192.0.2.0/24"`
	}
	if masked := prefix.Masked(); masked != prefix {
		return netip.Prefix{}, "wanted a network, which is " + quote(masked.String()) +
			", or an address without a length"
	}
	return prefix, ""
}

func (n *Networks) listLengths() {
	known := map[int]bool{}
	for prefix := range n.prefixes {
		length, is4 := prefix.Bits(), prefix.Addr().Is4()
		key := length
		if is4 {
			key = -1 - length
		}
		if known[key] {
			continue
		}
		known[key] = true
		if is4 {
			n.lengths4 = append(n.lengths4, length)
		} else {
			n.lengths6 = append(n.lengths6, length)
		}
	}
	sort.Ints(n.lengths4)
	sort.Ints(n.lengths6)
}

// tooWide returns what is said of networks that contain every address of a family.
func tooWide(path string, n *Networks) []string {
	var broad []string
	if n == nil {
		return nil
	}
	for _, all := range []string{"0.0.0.0/0", "::/0"} {
		if n.prefixes[netip.MustParsePrefix(all)] {
			broad = append(broad, fmt.Sprintf("%s: %q: every client is a trusted proxy, so that "+
				"server names and certificates are not looked at", path, all))
		}
	}
	return broad
}
