package traefik

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"strconv"
	"sync"
)

// errAddress is returned where Traefik's listener is not found.
var errAddress = errors.New("the address of the entry point can't be found")

// maxWrapped bounds how many listeners are wrapped into each other; Traefik's are four.
const maxWrapped = 16

// listeners remembers the address of each server, for its listener stays the same.
var listeners = struct {
	sync.Mutex
	addresses map[*http.Server]string
}{addresses: map[*http.Server]string{}}

// ListenerAddress returns the address of the entry point's own listener, from the context of a
// request: where to observe the certificate that the request was served with. The value of
// http.LocalAddrContextKey won't do: behind the PROXY protocol it is what the client's header
// says, so that a client could send the observation to a server of its choice. HTTP/3 knows no
// such header, and its UDP address has the port of the TCP listener.
func ListenerAddress(ctx context.Context) (string, error) {
	if server, ok := ctx.Value(http.ServerContextKey).(*http.Server); ok {
		return serverAddress(server)
	}
	if local, ok := ctx.Value(http.LocalAddrContextKey).(*net.UDPAddr); ok {
		return hostPort(local.IP, local.Zone, local.Port), nil
	}
	return "", errAddress
}

// ConnectedAddress returns where to observe the certificate of a connection without a server name,
// for which Traefik chooses it by the address that the client connected to. Behind the PROXY
// protocol Traefik takes that from the header, and so does this: whoever observes there must make
// sure that it is an address of this machine.
func ConnectedAddress(ctx context.Context) (string, error) {
	address, err := ListenerAddress(ctx)
	local, isTCP := ctx.Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if err != nil || !isTCP {
		return address, err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return "", err
	}
	return hostPort(local.IP, local.Zone, number), nil
}

// LocalAddress returns what Traefik takes for the address that a client connected to, "" for none.
func LocalAddress(ctx context.Context) string {
	value := ctx.Value(http.LocalAddrContextKey)
	if value == nil {
		return ""
	}
	if local, ok := value.(net.Addr); ok {
		return local.String()
	}
	return ""
}

func serverAddress(server *http.Server) (string, error) {
	listeners.Lock()
	defer listeners.Unlock()
	if address := listeners.addresses[server]; address != "" {
		return address, nil
	}
	address, problem := addressIn(reflect.ValueOf(server).Elem())
	if problem != "" {
		return "", fmt.Errorf("%w: %s", errAddress, problem)
	}
	listeners.addresses[server] = address
	return address, nil
}

// addressIn returns the address of a server's listener, or why it can't be found.
func addressIn(server reflect.Value) (address, problem string) {
	defer recoverAs(&problem)
	for _, listener := range server.FieldByName("listeners").MapKeys() {
		if found := listenerAddress(listener); found != "" {
			return found, ""
		}
	}
	return "", "no listener of the server is one of TCP"
}

// listenerAddress looks through the listeners that Traefik and net/http wrap around the TCP
// listener.
func listenerAddress(listener reflect.Value) string {
	for depth := 0; depth < maxWrapped; depth++ {
		listener = pointee(listener)
		if listener.Kind() != reflect.Struct {
			return ""
		}
		if fd := pointee(listener.FieldByName("fd")); fd.Kind() == reflect.Struct {
			return tcpAddress(pointee(fd.FieldByName("laddr")))
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
	zone, port := address.FieldByName("Zone").String(), address.FieldByName("Port").Int()
	return hostPort(ip, zone, int(port))
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
