package sdk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/hanzoai/functions/sdk/internal/core"
	"github.com/hanzoai/functions/sdk/internal/gateway"
)

// What is read of an error's body.
const maxErrorBody = 64 * 1024

// exchange sends one request to the gateway; an answer of 400 and above becomes a *GatewayError.
func (c *Context) exchange(what string, request *core.GatewayRequest) (*core.GatewayResponse, error) {
	via, err := c.gateway(what)
	if err != nil {
		return nil, err
	}
	response, err := via.Do(c.Context(), request)
	if err != nil {
		return nil, c.unavailable(err)
	}
	if response.Status < 400 {
		return response, nil
	}
	defer response.Body.Close()
	return nil, refusal(response)
}

// unavailable is the error of a gateway that does not answer; a call that was cancelled fails with its own.
func (c *Context) unavailable(err error) error {
	if ended := c.Context().Err(); ended != nil {
		return ended
	}
	if gateway.IsBodyError(err) {
		return err
	}
	return &GatewayError{Code: "unavailable", Status: 503, Message: fmt.Sprintf("the platform's gateway does not answer: %v", err)}
}

func refusal(response *core.GatewayResponse) error {
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxErrorBody))
	var told struct{ Error, Msg, Next string }
	_ = json.Unmarshal(body, &told)
	refused := &GatewayError{Code: told.Error, Status: response.Status, Message: told.Msg, Next: told.Next}
	if refused.Code == "" {
		refused.Code = codeOf(response.Status)
	}
	if refused.Message == "" {
		refused.Message = fmt.Sprintf("the gateway answered %d", response.Status)
	}
	return refused
}

// codeOf is for answers without a body, as those to HEAD.
func codeOf(status int) string {
	codes := map[int]string{
		400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 409: "conflict",
		413: "payload_too_large", 416: "range_not_satisfiable", 507: "storage_full",
	}
	if code, known := codes[status]; known {
		return code
	}
	return "unavailable"
}

// ask sends JSON and reads JSON into answer.
func (c *Context) ask(what, target string, question, answer any) error {
	body, err := EncodeJSON(question)
	if err != nil {
		return err
	}
	response, err := c.exchange(what, &core.GatewayRequest{
		Method: "POST",
		Target: target,
		Header: []core.Field{{Name: "Content-Type", Value: "application/json"}},
		Body:   bytes.NewReader(body),
		Length: int64(len(body)),
	})
	if err != nil {
		return err
	}
	return c.readAnswer(response, answer)
}

func (c *Context) readAnswer(response *core.GatewayResponse, answer any) error {
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return c.unavailable(err)
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return c.unavailable(fmt.Errorf("its answer does not parse: %w", err))
	}
	return nil
}
