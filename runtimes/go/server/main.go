// Package server runs a handler under the runtime contract of hanzo-fn: the platform's calls, the user's calls, and
// the end of the process.
package server

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/hanzoai/functions/sdk/internal/boot"
	"github.com/hanzoai/functions/sdk/internal/gateway"
	"github.com/hanzoai/functions/sdk/internal/handler"
	"github.com/hanzoai/functions/sdk/internal/logline"
)

// Exit codes of the runtime contract.
const (
	exitFailed       = 1
	exitCannotListen = 70
)

// Main serves the handler until the platform ends the process; it does not return. The shapes of a handler are in
// the documentation of package sdk; one of another shape ends the process with 1.
func Main(function any) {
	invoke, streams, err := handler.Adapt(function)
	if err != nil {
		fail(exitFailed, err)
	}
	settings := takeSettings(boot.Variables, os.Getenv("PORT"))
	if settings.source != "" {
		if err := os.Chdir(settings.source); err != nil {
			fail(exitFailed, fmt.Errorf("the source directory cannot be entered: %w", err))
		}
	}
	publishIdentity(settings)
	logline.Claim()
	server := newServer(settings, invoke, streams)
	if settings.gateway != "" {
		client, err := gateway.New(settings.gateway, settings.gatewayToken)
		if err != nil {
			fail(exitFailed, err)
		}
		server.gateway = client
	}
	listener, err := listen(settings)
	if err != nil {
		fail(exitCannotListen, err)
	}
	server.listening(listener)
	watchPipe(boot.Pipe)
	watchSignals(server)
	if err := server.serve(); err != nil {
		fail(exitFailed, err)
	}
	// The listener was closed: the drain ends the process.
	select {}
}

func fail(code int, err error) {
	fmt.Fprintf(os.Stderr, "hanzo-fn: %v\n", err)
	os.Exit(code)
}

func listen(settings settings) (net.Listener, error) {
	if settings.socket != "" {
		return net.ListenUnix("unix", &net.UnixAddr{Name: settings.socket, Net: "unix"})
	}
	if settings.port == "" {
		return nil, fmt.Errorf("neither HANZO_FN_SOCKET nor PORT says where to listen")
	}
	return net.Listen("tcp", net.JoinHostPort(settings.host, settings.port))
}

// publishIdentity tells user code who it is, as Knative and the platform do.
func publishIdentity(settings settings) {
	if settings.function == "" {
		return
	}
	for name, value := range map[string]string{
		"HANZO_FUNCTION":  settings.function,
		"HANZO_REVISION":  settings.revision,
		"HANZO_ORG":       settings.org,
		"K_SERVICE":       settings.function,
		"K_REVISION":      settings.revision,
		"K_CONFIGURATION": settings.function,
	} {
		_ = os.Setenv(name, value)
	}
}

// watchPipe ends the process at once when the platform is gone.
func watchPipe(descriptor int) {
	if descriptor < 0 {
		return
	}
	// Non-blocking, so that waiting for it costs no thread.
	_ = syscall.SetNonblock(descriptor, true)
	pipe := os.NewFile(uintptr(descriptor), "platform")
	go func() {
		_, _ = io.Copy(io.Discard, pipe)
		os.Exit(0)
	}()
}

func watchSignals(server *server) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		<-signals
		go server.drain()
		<-signals
		os.Exit(0)
	}()
}
