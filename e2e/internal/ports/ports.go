// Package ports finds ports for the servers of tests.
package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
)

// The range lies outside the ports that the kernel chooses for clients and for listeners on port 0.
// So a port stays free until its server starts, and while that server is down.
const (
	first = 20000
	count = 10000
)

var (
	mu   sync.Mutex
	used = map[int]bool{}
)

// ErrTaken says that another process took a port after Free chose it. Another start may succeed.
var ErrTaken = errors.New("address already in use")

// Retry calls start until it fails no longer with ErrTaken, four times at most.
func Retry(start func() error) error {
	for range 3 {
		if err := start(); !errors.Is(err, ErrTaken) {
			return err
		}
	}

	return start()
}

// Exited returns the error of a server that ended by itself: ErrTaken if its log says so.
func Exited(program, log string) error {
	if strings.Contains(log, ErrTaken.Error()) {
		return ErrTaken
	}

	return fmt.Errorf("%s ended, its log: %s", program, log)
}

// Free returns a port of a host that is free for TCP and UDP, and returns none twice.
func Free(host string) (int, error) {
	mu.Lock()
	defer mu.Unlock()
	for range 1000 {
		port := first + rand.IntN(count)
		if !used[port] && free(net.JoinHostPort(host, strconv.Itoa(port))) {
			used[port] = true
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
