// Package faulty is a network that breaks, for tests: a proxy before a PostgreSQL
// server that knows where the client's messages begin and end, and cuts, resets
// or stalls a connection at a statement.
package faulty

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Fault is what happens at a statement.
type Fault int

// The faults. Before means that the server never sees the statement; During
// that it runs it without a client; After that it has answered it, and the answer
// is lost.
const (
	None        Fault = iota
	CutBefore         // the connection ends
	CutDuring         // the server has it, and the connection ends while it runs
	CutAfter          // the server runs it, then the connection ends
	ResetBefore       // the connection ends with a reset
	ResetAfter
	StallAfter // the answer comes late
)

func (f Fault) String() string {
	return [...]string{"no fault", "cut before", "cut during", "cut after", "reset before", "reset after", "stalled after"}[f]
}

// Proxy forwards connections to a server. It breaks the first one that sends a
// statement with Text, once.
type Proxy struct {
	Fault Fault
	Text  string        // what the statement contains
	Skip  int           // that many such statements pass first
	Stall time.Duration // of StallAfter; how long after the statement CutDuring cuts

	listener      net.Listener
	network, addr string

	mu    sync.Mutex
	hits  int
	spent bool
}

// Start listens on the loopback before the server of dsn and returns the
// connection string that leads through the proxy.
func (p *Proxy) Start(dsn string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return "", err
	}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return "", err
	}
	values := u.Query()
	p.network, p.addr = "tcp", u.Host
	if u.Host == "" {
		p.network, p.addr = "unix", values.Get("host")+"/.s.PGSQL."+values.Get("port")
		values.Del("host")
		values.Del("port")
	}
	values.Set("sslmode", "disable")
	u.RawQuery, u.Host = values.Encode(), p.listener.Addr().String()
	go p.accept()
	return u.String(), nil
}

// Close ends the proxy; connections that are open stay.
func (p *Proxy) Close() { _ = p.listener.Close() }

// Struck says whether the fault has happened.
func (p *Proxy) Struck() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spent
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(p.network, p.addr)
		if err != nil {
			_ = client.Close()
			return
		}
		go p.serve(client, server)
	}
}

// strikes says whether the fault happens at this message.
func (p *Proxy) strikes(message []byte) bool {
	if p.Fault == None || message[0] != 'Q' && message[0] != 'P' || !strings.Contains(string(message), p.Text) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hits++
	if p.spent || p.hits <= p.Skip {
		return false
	}
	p.spent = true
	return true
}

func (p *Proxy) serve(client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	answers := &gate{to: client, ready: make(chan struct{}, 1)}
	go func() {
		answers.forward(server)
		_ = client.Close()
	}()
	for startup := true; ; startup = false {
		m, err := Message(client, startup)
		if err != nil {
			return
		}
		if startup || !p.strikes(m) {
			if _, err := server.Write(m); err != nil {
				return
			}
			continue
		}
		switch p.Fault {
		case ResetBefore:
			reset(client)
			return
		case CutBefore:
			return
		}
		answers.hold()
		if _, err := server.Write(m); err != nil {
			return
		}
		if m[0] == 'P' { // the rest of the extended protocol's round
			if !relay(client, server) {
				return
			}
		}
		if p.Fault == CutDuring {
			time.Sleep(p.Stall)
			return
		}
		<-answers.ready
		switch p.Fault {
		case ResetAfter:
			reset(client)
			return
		case CutAfter:
			return
		}
		time.Sleep(p.Stall)
		answers.release()
	}
}

// relay forwards messages up to a Sync.
func relay(client, server net.Conn) bool {
	for {
		m, err := Message(client, false)
		if err != nil {
			return false
		}
		if _, err := server.Write(m); err != nil {
			return false
		}
		if m[0] == 'S' {
			return true
		}
	}
}

// reset makes the end of a connection one that the other side sees as an error.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
}

// gate is the way back to the client, which can be held.
type gate struct {
	to    io.Writer
	ready chan struct{} // the server has ended a round while the gate was held

	mu   sync.Mutex
	held bool
	kept []byte
}

func (g *gate) forward(server io.Reader) {
	for {
		m, err := Message(server, false)
		if err != nil {
			return
		}
		g.mu.Lock()
		if g.held {
			g.kept = append(g.kept, m...)
			if m[0] == 'Z' {
				select {
				case g.ready <- struct{}{}:
				default:
				}
			}
		} else {
			_, err = g.to.Write(m)
		}
		g.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (g *gate) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = true
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = false
	_, _ = g.to.Write(g.kept)
	g.kept = nil
}

// Message reads one message; the first of a client has no type byte.
func Message(r io.Reader, startup bool) ([]byte, error) {
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
