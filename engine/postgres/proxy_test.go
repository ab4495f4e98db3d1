package postgres_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
)

// cutAfter starts a proxy before the server that forwards everything, until a
// simple query with the given text has been forwarded: then it waits for the
// server's answer, keeps it for itself and cuts the connection. It returns the
// connection string that leads through it.
func cutAfter(t *testing.T, query string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	dsn, err := url.Parse(server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	network, addr := "tcp", dsn.Host
	if dsn.Host == "" {
		network, addr = "unix", dsn.Query().Get("host")+"/.s.PGSQL."+dsn.Query().Get("port")
		values := dsn.Query()
		values.Del("host")
		values.Del("port")
		dsn.RawQuery = values.Encode()
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			backend, err := net.Dial(network, addr)
			if err != nil {
				client.Close()
				return
			}
			go forward(client, backend, query)
		}
	}()
	dsn.Host = listener.Addr().String()
	if !strings.Contains(dsn.RawQuery, "sslmode") {
		dsn.RawQuery += "&sslmode=disable"
	}
	return dsn.String()
}

func forward(client, backend net.Conn, query string) {
	defer client.Close()
	defer backend.Close()
	answers := make(chan []byte)
	go func() { // the server's side, in chunks
		defer close(answers)
		for {
			chunk := make([]byte, 4096)
			n, err := backend.Read(chunk)
			if err != nil {
				return
			}
			answers <- chunk[:n]
		}
	}()
	requests := make(chan []byte)
	go func() { // the client's side, in messages
		defer close(requests)
		for startup := true; ; startup = false {
			m, err := message(client, startup)
			if err != nil {
				return
			}
			requests <- m
		}
	}()
	for {
		select {
		case answer, ok := <-answers:
			if !ok {
				return
			}
			client.Write(answer)
		case request, ok := <-requests:
			if !ok {
				return
			}
			backend.Write(request)
			if request[0] == 'Q' && strings.Contains(string(request), query) {
				<-answers
				return
			}
		}
	}
}

// message reads one message of the client; the first has no type byte.
func message(r io.Reader, startup bool) ([]byte, error) {
	head := make([]byte, 5)
	if startup {
		head = head[:4]
	}
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[len(head)-4:])-4)
	_, err := io.ReadFull(r, body)
	return append(head, body...), err
}
