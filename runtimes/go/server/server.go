package server

import (
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hanzoai/functions/sdk/internal/boot"
	"github.com/hanzoai/functions/sdk/internal/core"
	"github.com/hanzoai/functions/sdk/internal/handler"
)

// server is the state that all connections share.
type server struct {
	settings settings
	invoke   handler.Invoke
	streams  bool
	// turns holds one value for each call that runs; whoever waits to put one in waits in order.
	turns   chan struct{}
	gateway core.Gateway
	// coldStart is the value of the header that the first answer carries.
	coldStart string
	warm      atomic.Bool
	// bounded: the platform has put the process into its group by the first call.
	bounded  sync.Once
	draining atomic.Bool
	// active counts requests from their head to the end of their answer.
	active atomic.Int64
	quiet  chan struct{}

	listener net.Listener

	mutex sync.Mutex
	conns map[*conn]struct{}
}

func newServer(settings settings, invoke handler.Invoke, streams bool) *server {
	return &server{
		settings: settings,
		invoke:   invoke,
		streams:  streams,
		turns:    make(chan struct{}, settings.concurrency),
		quiet:    make(chan struct{}, 1),
		conns:    map[*conn]struct{}{},
	}
}

// listening notes how long it took to come to this.
func (s *server) listening(listener net.Listener) {
	s.listener = listener
	boot := float64(time.Since(boot.Started).Microseconds()) / 1000
	s.coldStart = fmt.Sprintf("boot=%.1f, load=0.0", boot)
}

// serve accepts connections until the listener is closed by the drain.
func (s *server) serve() error {
	for {
		accepted, err := s.listener.Accept()
		if s.draining.Load() {
			if err == nil {
				_ = accepted.Close()
			}
			return nil
		}
		if err != nil {
			if temporary, isNet := err.(net.Error); isNet && temporary.Timeout() {
				continue
			}
			if !isOutOfFiles(err) {
				return err
			}
			// Connections that end give descriptors back.
			time.Sleep(10 * time.Millisecond)
			continue
		}
		c := newConn(s, accepted)
		s.mutex.Lock()
		s.conns[c] = struct{}{}
		s.mutex.Unlock()
		go c.serve()
	}
}

func (s *server) forget(c *conn) {
	s.mutex.Lock()
	delete(s.conns, c)
	s.mutex.Unlock()
}

func (s *server) begin() { s.active.Add(1) }

func (s *server) end() {
	if s.active.Add(-1) == 0 && s.draining.Load() {
		select {
		case s.quiet <- struct{}{}:
		default:
		}
	}
}

func (s *server) state() string {
	if s.draining.Load() {
		return "draining"
	}
	return "ready"
}

// drain lets running calls finish within the drain time and ends the process with 0.
func (s *server) drain() {
	s.draining.Store(true)
	s.mutex.Lock()
	_ = s.listener.Close()
	all := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	s.mutex.Unlock()
	for _, c := range all {
		c.closeIfIdle()
	}
	limit := time.NewTimer(s.settings.drain)
	for s.active.Load() > 0 {
		select {
		case <-s.quiet:
		case <-limit.C:
			s.closeSockets(all)
			os.Exit(0)
		}
	}
	os.Exit(0)
}

// closeSockets tells the WebSockets that are still open that the server goes away.
func (s *server) closeSockets(conns []*conn) {
	var told sync.WaitGroup
	for _, c := range conns {
		if socket := c.openSocket(); socket != nil {
			told.Add(1)
			go func() {
				defer told.Done()
				_ = socket.Close(1001, "the instance ends")
			}()
		}
	}
	done := make(chan struct{})
	go func() { told.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Second):
	}
}
