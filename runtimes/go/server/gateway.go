package server

import (
	"context"

	"github.com/hanzoai/functions/sdk/internal/core"
)

// callGateway adds to every request to the gateway which call it belongs to.
type callGateway struct {
	call *call
}

// Gateway of the platform; nil where there is none.
func (call *call) Gateway() core.Gateway {
	if call.server.gateway == nil {
		return nil
	}
	return callGateway{call}
}

func (g callGateway) Do(ctx context.Context, request *core.GatewayRequest) (*core.GatewayResponse, error) {
	header := append([]core.Field(nil), request.Header...)
	header = append(header, core.Field{Name: "X-Request-ID", Value: g.call.ctx.RequestID})
	for _, name := range [...]string{"traceparent", "tracestate"} {
		if value, found := core.Joined(g.call.request.Fields, name); found {
			header = append(header, core.Field{Name: name, Value: value})
		}
	}
	own := *request
	own.Header = header
	return g.call.server.gateway.Do(ctx, &own)
}
