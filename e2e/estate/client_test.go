package estate_test

import (
	"context"
	"sync/atomic"

	"github.com/tenantguard/tenantguard/e2e/cluster"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// client asks one question again and again.
type client struct {
	question question
	protocol lab.Protocol
	// at is the Traefik that it asks now, and answers how often it was answered.
	at      atomic.Pointer[cluster.Traefik]
	answers atomic.Int64
	// owned reports whether the owner has answered, not what was there before.
	owned atomic.Bool
	// leaving reports whether the owner goes away: any answer is right then, but of the guard's
	// only that there is no owner.
	leaving atomic.Bool

	conn *lab.Conn
	// used is how many requests were made in the connection.
	used int
}

// ask asks once. The error says what is wrong with the answer. A connection that turns out to be
// closed is replaced by a new one, as every client does.
func (c *client) ask(ctx context.Context, e *estate, tr *cluster.Traefik) error {
	response, err := c.request(ctx, e, tr)
	if err != nil && c.used > 1 {
		c.hangUp()
		response, err = c.request(ctx, e, tr)
	}
	if err != nil {
		c.hangUp()
		return err
	}

	return c.check(response)
}

// request makes a request. A connection serves some requests, and none outlives a move.
func (c *client) request(
	ctx context.Context, e *estate, tr *cluster.Traefik,
) (*lab.Response, error) {
	if tr != c.at.Load() || c.used == reuse {
		c.hangUp()
	}
	c.at.Store(tr)
	if c.conn == nil {
		conn, err := c.question.dial(ctx, e, tr, c.protocol)
		if err != nil {
			return nil, err
		}
		c.conn, c.used = conn, 0
	}
	c.used++

	return c.question.ask(ctx, c.conn, tr)
}

// check returns an error unless the response is right. Until the owner has answered, that of what
// was there before is right too.
func (c *client) check(response *lab.Response) error {
	err := c.question.check(response)
	reason := response.Reason()
	if c.leaving.Load() && (reason == "" || reason == "router-unbound") {
		return nil
	}
	if err == nil {
		c.owned.Store(true)
		return nil
	}
	if c.question.before == "" || c.owned.Load() {
		return err
	}
	q := c.question
	q.body = q.before

	return q.check(response)
}

func (c *client) hangUp() {
	if c.conn != nil {
		c.conn.Close()
	}
	c.conn, c.used = nil, 0
}
