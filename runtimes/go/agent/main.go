// Command hanzo-fn-agent is what a Go image starts. The function is a program that holds its own server; the agent
// puts itself in its place.
//
//	hanzo-fn-agent                            runs <source>/function, by HANZO_FN_SOURCE or /app
//	hanzo-fn-agent --mode=dev --source=DIR    runs DIR/function, and starts anew whenever it changes
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

const (
	poll    = 200 * time.Millisecond
	stop    = 5 * time.Second
	program = "function"
	usage   = 64
)

func main() {
	fallback := os.Getenv("HANZO_FN_SOURCE")
	if fallback == "" {
		fallback = "/app"
	}
	flags := flag.NewFlagSet("hanzo-fn-agent", flag.ContinueOnError)
	mode := flags.String("mode", "serve", "serve or dev")
	source := flags.String("source", fallback, "the folder with the compiled function")
	if flags.Parse(os.Args[1:]) != nil {
		// It has said why.
		os.Exit(usage)
	}
	path := filepath.Join(*source, program)
	os.Setenv("HANZO_FN_SOURCE", *source)
	switch *mode {
	case "serve":
		fail(66, syscall.Exec(path, []string{path}, os.Environ()), path)
	case "dev":
		os.Exit(develop(path))
	default:
		fmt.Fprintf(os.Stderr, "hanzo-fn-agent: --mode is serve or dev, not %s\n", *mode)
		os.Exit(usage)
	}
}

func fail(code int, err error, path string) {
	hint := ""
	if errors.Is(err, os.ErrNotExist) {
		hint = " (this image has no compiler: put the compiled function there)"
	}
	fmt.Fprintf(os.Stderr, "hanzo-fn-agent: %s does not start: %v%s\n", path, err, hint)
	os.Exit(code)
}

func develop(path string) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	ticks := time.NewTicker(poll)
	defer ticks.Stop()
	state := stateOf(path)
	child := start(path)
	for {
		select {
		case <-signals:
			return end(child)
		case <-ticks.C:
			if now := stateOf(path); now != state {
				state = now
				fmt.Fprintf(os.Stderr, "hanzo-fn-agent: reloading %s\n", path)
				end(child)
				child = start(path)
			}
		}
	}
}

func stateOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprint(info.ModTime().UnixNano(), info.Size())
}

func start(path string) *exec.Cmd {
	child := exec.Command(path)
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := child.Start(); err != nil {
		fmt.Fprintf(os.Stderr, "hanzo-fn-agent: %s does not start: %v\n", path, err)
		return nil
	}
	return child
}

func end(child *exec.Cmd) int {
	if child == nil {
		return 0
	}
	_ = child.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(stop, func() { _ = child.Process.Kill() })
	defer timer.Stop()
	_ = child.Wait()
	return max(0, child.ProcessState.ExitCode())
}
