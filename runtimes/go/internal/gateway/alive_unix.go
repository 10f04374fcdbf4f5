//go:build unix

package gateway

import (
	"net"
	"syscall"
)

// isAlive says whether a kept connection can still be used: the other side has neither closed it nor said anything.
func isAlive(conn net.Conn) bool {
	holder, holds := conn.(syscall.Conn)
	if !holds {
		return true
	}
	raw, err := holder.SyscallConn()
	if err != nil {
		return false
	}
	alive := false
	err = raw.Read(func(descriptor uintptr) bool {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(descriptor), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		alive = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true
	})
	return err == nil && alive
}
