package server

import (
	"strconv"
	"time"
)

const (
	defaultConcurrency = 10
	defaultTimeout     = time.Minute
	defaultDrain       = 30 * time.Second
	defaultMaxBody     = 100 * 1024 * 1024
)

// settings are what the environment of the process says: section 1 of the runtime contract.
type settings struct {
	socket, host, port string
	controlToken       string
	source             string
	org                string
	function           string
	revision           string
	instance           string
	concurrency        int
	timeout            time.Duration
	drain              time.Duration
	maxBody            int64
	gateway            string
	gatewayToken       string
	models             string
}

func takeSettings(variables map[string]string, port string) settings {
	number := func(name string, smallest, otherwise int64) int64 {
		value, err := strconv.ParseInt(variables[name], 10, 64)
		if err != nil || value < smallest {
			return otherwise
		}
		return value
	}
	millis := func(name string, smallest int64, otherwise time.Duration) time.Duration {
		return time.Duration(number(name, smallest, otherwise.Milliseconds())) * time.Millisecond
	}
	return settings{
		socket:       variables["HANZO_FN_SOCKET"],
		host:         variables["HANZO_FN_HOST"],
		port:         port,
		controlToken: variables["HANZO_FN_CONTROL_TOKEN"],
		source:       variables["HANZO_FN_SOURCE"],
		org:          variables["HANZO_FN_ORG"],
		function:     variables["HANZO_FN_FUNCTION"],
		revision:     variables["HANZO_FN_REVISION"],
		instance:     variables["HANZO_FN_INSTANCE"],
		concurrency:  int(number("HANZO_FN_CONCURRENCY", 1, defaultConcurrency)),
		timeout:      millis("HANZO_FN_TIMEOUT_MS", 1, defaultTimeout),
		drain:        millis("HANZO_FN_DRAIN_MS", 0, defaultDrain),
		maxBody:      number("HANZO_FN_MAX_BODY_BYTES", 0, defaultMaxBody),
		gateway:      variables["HANZO_FN_GATEWAY"],
		gatewayToken: variables["HANZO_FN_GATEWAY_TOKEN"],
		models:       variables["HANZO_FN_MODELS"],
	}
}
