// Package boot takes over what the platform gave the process, before any code of the user runs: the HANZO_FN_*
// variables, and standard input. It depends on nothing but syscall, so that it is initialised among the first.
package boot

import (
	"syscall"
	"time"
)

// Started is about when the process began to run.
var Started = time.Now()

// Variables are those that begin with HANZO_FN_; the process environment does not hold them any more.
var Variables = takeVariables()

// Pipe is the descriptor of the platform's pipe that was standard input; -1 where that was no pipe.
var Pipe = takePipe()

const prefix = "HANZO_FN_"

func takeVariables() map[string]string {
	taken := map[string]string{}
	for _, pair := range syscall.Environ() {
		if len(pair) < len(prefix) || pair[:len(prefix)] != prefix {
			continue
		}
		for i := len(prefix); i < len(pair); i++ {
			if pair[i] == '=' {
				taken[pair[:i]] = pair[i+1:]
				_ = syscall.Unsetenv(pair[:i])
				break
			}
		}
	}
	return taken
}

func takePipe() int {
	var stat syscall.Stat_t
	if err := syscall.Fstat(0, &stat); err != nil {
		return -1
	}
	kind := stat.Mode & syscall.S_IFMT
	if kind != syscall.S_IFIFO && kind != syscall.S_IFSOCK {
		return -1
	}
	// Only under the platform: a program in a shell's pipeline keeps its input.
	if Variables["HANZO_FN_SOCKET"] == "" && Variables["HANZO_FN_SOURCE"] == "" {
		return -1
	}
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	pipe, err := syscall.Dup(0)
	if err != nil {
		return -1
	}
	syscall.CloseOnExec(pipe)
	null, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0)
	if err != nil {
		_ = syscall.Close(pipe)
		return -1
	}
	if err := dup2(null, 0); err != nil {
		_ = syscall.Close(pipe)
		pipe = -1
	}
	_ = syscall.Close(null)
	return pipe
}
