package server

import (
	"context"
	"sync"
	"time"
)

// callContext is the context.Context of a call. It costs nothing until somebody waits for it.
type callContext struct {
	at time.Time

	mutex sync.Mutex
	err   error
	done  chan struct{}
	after map[*func()]struct{}
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

func (c *callContext) Deadline() (time.Time, bool) { return c.at, true }

func (c *callContext) Done() <-chan struct{} {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.done == nil {
		if c.err != nil {
			c.done = closed
		} else {
			c.done = make(chan struct{})
		}
	}
	return c.done
}

func (c *callContext) Err() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.err
}

func (c *callContext) Value(any) any { return nil }

// AfterFunc lets package context derive from this one without a goroutine.
func (c *callContext) AfterFunc(run func()) func() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.err != nil {
		go run()
		return func() bool { return false }
	}
	key := &run
	if c.after == nil {
		c.after = map[*func()]struct{}{}
	}
	c.after[key] = struct{}{}
	return func() bool {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		_, waiting := c.after[key]
		delete(c.after, key)
		return waiting
	}
}

// end sets the error, the first one stays; false where there was one.
func (c *callContext) end(err error) bool {
	c.mutex.Lock()
	if c.err != nil {
		c.mutex.Unlock()
		return false
	}
	c.err = err
	after := c.after
	c.after = nil
	if c.done != nil {
		close(c.done)
	}
	c.mutex.Unlock()
	for run := range after {
		go (*run)()
	}
	return true
}

var _ context.Context = (*callContext)(nil)
