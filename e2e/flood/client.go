package flood

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

// patience is how long a client waits for an answer.
const patience = time.Minute

// connection sends one client's requests, over one connection for as long as that may be used.
func (r *running) connection(ctx context.Context, client int) {
	var conn *conn
	defer func() { conn.close() }()
	for due := range r.schedule(ctx, client, r.Connections) {
		host, serverName := r.names()
		var status int
		var err error
		if conn == nil {
			conn, err = dial(ctx, r.Address, serverName)
		}
		if err == nil {
			status, err = conn.ask(host)
		}
		r.add(status, err, due)
		if err != nil || conn.closing || conn.asked == r.PerConnection {
			conn.close()
			conn = nil
		}
	}
}

// conn is a connection of HTTP/1.1. It does no more than a load needs, for it takes time from the
// Traefik on the same machine.
type conn struct {
	*tls.Conn

	reader *bufio.Reader
	// request is where the next one is written.
	request []byte
	asked   int
	// closing reports whether the server will close.
	closing bool
}

func dial(ctx context.Context, address, serverName string) (*conn, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if err := raw.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	secure := tls.Client(raw, &tls.Config{
		ServerName: serverName, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"},
	})
	if err := secure.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}

	return &conn{Conn: secure, reader: bufio.NewReader(secure)}, nil
}

func (c *conn) close() {
	if c != nil {
		c.Close()
	}
}

// ask sends a request and returns the status of the answer.
func (c *conn) ask(host string) (status int, err error) {
	if c.asked%100 == 0 {
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			return 0, err
		}
	}
	c.asked++
	c.request = append(c.request[:0], "GET / HTTP/1.1\r\nHost: "...)
	c.request = append(c.request, host...)
	c.request = append(c.request, "\r\n\r\n"...)
	if _, err := c.Write(c.request); err != nil {
		return 0, err
	}
	first, err := c.line()
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(first, " ")
	code, _, _ := strings.Cut(after, " ")
	if status, err = strconv.Atoi(code); err != nil {
		return 0, fmt.Errorf("an answer begins with %q, want a status", first)
	}

	return status, c.skipRest()
}

// skipRest reads the header and the body of an answer.
func (c *conn) skipRest() error {
	length := -1
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "Content-Length":
			if length, err = strconv.Atoi(value); err != nil {
				return err
			}
		case "Connection":
			c.closing = value == "close"
		}
	}
	if length < 0 {
		return fmt.Errorf("an answer has no length")
	}
	_, err := c.reader.Discard(length)

	return err
}

func (c *conn) line() (string, error) {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return "", err
	}

	return strings.TrimSuffix(string(line), "\r\n"), nil
}

// burst makes one connection of HTTP/2 with many requests at once.
func (r *running) burst(ctx context.Context, due time.Time) {
	host, serverName := r.names()
	conn, err := lab.TryDial(ctx, lab.HTTP2,
		lab.Target{Addr: r.Address, ServerName: serverName})
	if err != nil {
		r.add(0, err, due)
		return
	}
	defer conn.Close()
	var all sync.WaitGroup
	for range r.Burst {
		all.Go(func() {
			response, err := conn.Try(ctx, lab.Request{Host: host})
			if err != nil {
				r.add(0, err, due)
				return
			}
			r.add(response.Status, nil, due)
		})
	}
	all.Wait()
}
