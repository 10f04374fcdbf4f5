package server

import (
	"strconv"
	"strings"
	"time"

	sdk "github.com/hanzoai/functions/sdk"
	"github.com/hanzoai/functions/sdk/internal/payload"
)

// fill makes the context from the head.
func (call *call) fill() {
	s, request := call.server, call.request
	now := time.Now()
	path, query := payload.SplitTarget(request.Target)
	ctx := &call.ctx
	ctx.Method = request.Method
	ctx.Path = path
	ctx.Query = payload.ParseQuery(query)
	ctx.Headers = sdk.HeadersOf(request.Fields)
	ctx.Function, ctx.Revision, ctx.Org = s.settings.function, s.settings.revision, s.settings.org
	ctx.Trigger = sdk.Trigger{Type: "http", Source: path, Attempt: 1}
	call.timeout = s.settings.timeout
	for i := range request.Fields {
		call.readField(request.Fields[i].Name, request.Fields[i].Value)
	}
	if ctx.RequestID == "" {
		ctx.RequestID = newRequestID(now)
	}
	if ctx.Trigger.Timestamp == "" {
		ctx.Trigger.Timestamp = now.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	call.deadline = now.Add(call.timeout)
	call.context.at = call.deadline
	sdk.Attach(ctx, call)
}

// readField takes what the platform says about the call.
func (call *call) readField(name, value string) {
	if len(name) < len("x-request-id") || name[0]|0x20 != 'x' || value == "" {
		return
	}
	ctx := &call.ctx
	switch {
	case strings.EqualFold(name, "x-request-id"):
		ctx.RequestID = value
	case strings.EqualFold(name, "x-function-trigger"):
		ctx.Trigger.Type = value
	case strings.EqualFold(name, "x-function-trigger-source"):
		ctx.Trigger.Source = value
	case strings.EqualFold(name, "x-function-trigger-id"):
		ctx.Trigger.ID = value
	case strings.EqualFold(name, "x-function-trigger-timestamp"):
		ctx.Trigger.Timestamp = value
	case strings.EqualFold(name, "x-function-attempt"):
		if attempt, err := strconv.ParseUint(value, 10, 31); err == nil && attempt > 0 {
			ctx.Trigger.Attempt = int(attempt)
		}
	case strings.EqualFold(name, "x-function-deadline-ms"):
		if left, valid := parseMillis(value); valid {
			call.timeout = left
		}
	}
}

// parseMillis takes up to ten digits and a fraction.
func parseMillis(text string) (time.Duration, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	if whole == "" || len(whole) > 10 || strings.Trim(whole+fraction, "0123456789") != "" || strings.HasSuffix(text, ".") {
		return 0, false
	}
	millis, err := strconv.ParseFloat(text, 64)
	return time.Duration(millis * float64(time.Millisecond)), err == nil
}
