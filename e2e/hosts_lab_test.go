package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// rawPatience is how long a raw request waits for an answer.
const rawPatience = 10 * time.Second

// rawHTTP1 sends the bytes unchanged. Unlike lab.RawHTTP1 it accepts an answer in HTTP/1.0.
func rawHTTP1(t *testing.T, target lab.Target, request string) *lab.Response {
	t.Helper()
	config := &tls.Config{ServerName: target.ServerName, InsecureSkipVerify: true}
	conn, err := tls.Dial("tcp", target.Addr, config)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(rawPatience)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err, "%q", request)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)

	return &lab.Response{
		Protocol: lab.Protocol(answer.Proto),
		Status:   answer.StatusCode,
		Header:   answer.Header,
		Body:     string(body),
		Served:   conn.ConnectionState().PeerCertificates[0],
	}
}

// rawHTTP3 sends one request with exactly these header fields, pseudo-header fields included. It
// returns an error if the server resets the stream or closes the connection instead of answering.
func rawHTTP3(t *testing.T, target lab.Target, fields ...[2]string) (*lab.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), rawPatience)
	defer cancel()
	conn, err := quic.DialAddr(ctx, target.Addr,
		&tls.Config{ServerName: target.ServerName, InsecureSkipVerify: true,
			NextProtos: []string{http3.NextProtoH3}}, nil)
	require.NoError(t, err)
	defer conn.CloseWithError(0, "")
	stream, err := conn.OpenStreamSync(ctx)
	require.NoError(t, err)
	require.NoError(t, stream.SetDeadline(time.Now().Add(rawPatience)))

	var block bytes.Buffer
	encoder := qpack.NewEncoder(&block)
	for _, field := range fields {
		require.NoError(t, encoder.WriteField(qpack.HeaderField{Name: field[0], Value: field[1]}))
	}
	// A server that has already answered or reset the stream may refuse the rest of the request.
	// The read below shows which.
	_, _ = stream.Write(append(frameHTTP3(1, block.Len()), block.Bytes()...))
	_ = stream.Close()

	return readHTTP3(stream, &lab.Response{
		Protocol: lab.HTTP3,
		Header:   http.Header{},
		Served:   conn.ConnectionState().TLS.PeerCertificates[0],
	})
}

// frameHTTP3 returns the header of a frame (RFC 9114 section 7.1): kind 0 is data, kind 1 header
// fields.
func frameHTTP3(kind uint64, length int) []byte {
	return quicvarint.Append(quicvarint.Append(nil, kind), uint64(length))
}

func readHTTP3(stream io.Reader, response *lab.Response) (*lab.Response, error) {
	reader := quicvarint.NewReader(stream)
	for {
		kind, err := quicvarint.Read(reader)
		if err == io.EOF && response.Status > 0 {
			return response, nil
		}
		if err != nil {
			return nil, err
		}
		length, err := quicvarint.Read(reader)
		if err != nil {
			return nil, err
		}
		payload := make([]byte, length)
		if _, err := io.ReadFull(reader, payload); err != nil {
			return nil, err
		}
		switch kind {
		case 0:
			response.Body += string(payload)
		case 1:
			next := qpack.NewDecoder().Decode(payload)
			for field, err := next(); err != io.EOF; field, err = next() {
				if err != nil {
					return nil, err
				}
				response.Header.Add(field.Name, field.Value)
				if field.Name == ":status" {
					fmt.Sscan(field.Value, &response.Status)
				}
			}
		}
	}
}
