// Package ports finds ports for the servers of tests.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// The ports are none that the kernel would give to a client or to a listener on port 0, so that they stay free until a server
// takes them, and while one that has them is down.
const (
	first = 20000
	count = 10000
)

var (
	mu    sync.Mutex
	given = map[int]bool{}
)

// Free returns a port of a host that is free for TCP and UDP, and that it has not returned before.
func Free(host string) (int, error) {
	mu.Lock()
	defer mu.Unlock()
	for range 1000 {
		port := first + rand.IntN(count)
		if !given[port] && free(net.JoinHostPort(host, strconv.Itoa(port))) {
			given[port] = true
			return port, nil
		}
	}

	return 0, fmt.Errorf("no free port of %q between %d and %d", host, first, first+count)
}

func free(address string) bool {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	defer listener.Close()
	packets, err := net.ListenPacket("udp", address)
	if err != nil {
		return false
	}

	return packets.Close() == nil
}
