package lab

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// RawHTTP1 sends the bytes unchanged, for requests that no client would make, and reads up to n
// answers. A connection that is closed early ends the list.
func RawHTTP1(t T, target Target, n int, request string) []*Response {
	t.Helper()
	conn := dialRaw(t, target, "http/1.1")
	defer conn.Close()
	_, err := io.WriteString(conn, request)
	Fatal(t, err, "writing a request")

	served := Conn{Protocol: HTTP1}
	if secure, ok := conn.(*tls.Conn); ok {
		served.Served = secure.ConnectionState().PeerCertificates[0]
	}
	reader := bufio.NewReader(conn)
	var responses []*Response
	for range n {
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			break
		}
		response, err := served.read(answer)
		Fatal(t, err, "reading an answer")
		responses = append(responses, response)
	}

	return responses
}

// RawHTTP2 sends one request with exactly these header fields, pseudo-header fields included. It
// returns an error if the server resets the stream or closes the connection instead of answering.
func RawHTTP2(t T, target Target, fields ...[2]string) (*Response, error) {
	t.Helper()
	conn := dialRaw(t, target, "h2")
	defer conn.Close()

	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range fields {
		Fatal(t, encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}),
			"encoding "+field[0])
	}
	_, err := io.WriteString(conn, http2.ClientPreface)
	Fatal(t, err, "writing the preface")
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	Fatal(t, framer.WriteSettings(), "writing settings")
	Fatal(t, framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true,
	}), "writing header fields")

	return readHTTP2(framer, &Response{
		Protocol: HTTP2,
		Header:   http.Header{},
		Served:   conn.(*tls.Conn).ConnectionState().PeerCertificates[0],
	})
}

func readHTTP2(framer *http2.Framer, response *Response) (*Response, error) {
	var body strings.Builder
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return nil, err
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				if err := framer.WriteSettingsAck(); err != nil {
					return nil, err
				}
			}
			continue
		case *http2.RSTStreamFrame:
			return nil, fmt.Errorf("stream reset: %s", frame.ErrCode)
		case *http2.GoAwayFrame:
			if frame.ErrCode != http2.ErrCodeNo || frame.LastStreamID < 1 {
				return nil, fmt.Errorf("connection closed: %s", frame.ErrCode)
			}
			continue // the answer to this request still comes
		case *http2.MetaHeadersFrame:
			for _, field := range frame.Fields {
				response.Header.Add(field.Name, field.Value)
			}
			fmt.Sscan(frame.PseudoValue("status"), &response.Status)
		case *http2.DataFrame:
			body.Write(frame.Data())
		}
		if frame.Header().StreamID == 1 && frame.Header().Flags.Has(http2.FlagDataEndStream) {
			response.Body = body.String()
			return response, nil
		}
	}
}

func dialRaw(t T, target Target, alpn string) net.Conn {
	t.Helper()
	conn, err := target.dial(t.Context(), alpn)
	Fatal(t, err, "dialling "+target.Addr)
	Fatal(t, conn.SetDeadline(time.Now().Add(patience)), "setting a deadline")

	return conn
}
