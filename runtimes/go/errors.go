package sdk

import "fmt"

// GatewayError is what ctx.KV, ctx.Storage, ctx.Publish and ctx.Model fail with.
type GatewayError struct {
	// Code is bad_request, unauthorized, forbidden, not_found, conflict, payload_too_large, unavailable, storage_full,
	// or another code of the platform.
	Code    string
	Status  int
	Message string
	// Next says what can be done about it; may be empty.
	Next string
}

func (e *GatewayError) Error() string {
	if e.Next != "" {
		return fmt.Sprintf("%s: %s (%s)", e.Code, e.Message, e.Next)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}
