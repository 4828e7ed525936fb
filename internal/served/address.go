package served

import (
	"context"
	"errors"
	"net"
	"net/http"
	"reflect"
	"strconv"
	"sync"

	"github.com/tenantguard/tenantguard/internal/peek"
)

// errAddress is what an observation fails with where Traefik hides its listener.
var errAddress = errors.New("the address of the entry point can't be found")

// maxWrapped bounds how many listeners are wrapped into each other; Traefik's are four.
const maxWrapped = 16

// listeners remembers the address of each server, for its listener stays the same.
var listeners = struct {
	sync.Mutex
	addresses map[*http.Server]string
}{addresses: map[*http.Server]string{}}

// Address finds where to observe the certificate that a request was served with: the entry point's own listener.
// http.LocalAddrContextKey won't do: behind the PROXY protocol it is what the client's header says, so that a client
// could send the observation to a server of its choice. HTTP/3 knows no such header, and its UDP address has the port of
// the TCP listener.
func Address(ctx context.Context) (string, error) {
	if server, ok := ctx.Value(http.ServerContextKey).(*http.Server); ok {
		return serverAddress(server)
	}
	if local, ok := ctx.Value(http.LocalAddrContextKey).(*net.UDPAddr); ok {
		return hostPort(local.IP, local.Zone, local.Port), nil
	}
	return "", errAddress
}

func serverAddress(server *http.Server) (string, error) {
	listeners.Lock()
	defer listeners.Unlock()
	if address := listeners.addresses[server]; address != "" {
		return address, nil
	}
	for _, listener := range reflect.ValueOf(server).Elem().FieldByName("listeners").MapKeys() {
		if address := listenerAddress(listener); address != "" {
			listeners.addresses[server] = address
			return address, nil
		}
	}
	return "", errAddress
}

// listenerAddress looks through the listeners that Traefik and net/http wrap around the TCP listener. Their methods can't
// be called, for the value comes from an unexported field, but their fields can be read.
func listenerAddress(listener reflect.Value) string {
	for depth := 0; depth < maxWrapped; depth++ {
		listener = peek.Pointee(listener)
		if listener.Kind() != reflect.Struct {
			return ""
		}
		if fd := peek.Pointee(listener.FieldByName("fd")); fd.Kind() == reflect.Struct {
			return tcpAddress(peek.Pointee(fd.FieldByName("laddr")))
		}
		wrapped := listener.FieldByName("Listener")
		if !wrapped.IsValid() {
			wrapped = listener.FieldByName("TCPListener")
		}
		listener = wrapped
	}
	return ""
}

// tcpAddress reads a net.TCPAddr.
func tcpAddress(address reflect.Value) string {
	if address.Kind() != reflect.Struct || !address.FieldByName("Port").IsValid() {
		return ""
	}
	ip := net.IP(append([]byte{}, address.FieldByName("IP").Bytes()...))
	return hostPort(ip, address.FieldByName("Zone").String(), int(address.FieldByName("Port").Int()))
}

// hostPort takes the loopback address for a listener on all addresses.
func hostPort(ip net.IP, zone string, port int) string {
	host := ip.String()
	if len(ip) == 0 || ip.IsUnspecified() {
		host = "127.0.0.1"
	} else if zone != "" {
		host += "%" + zone
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}
