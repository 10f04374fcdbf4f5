package sdk

// PublishOptions of Context.Publish.
type PublishOptions struct {
	// ID of the message, 1 to 128 printable characters: the broker's key for duplicates. One is made where it is empty.
	ID string
}

// Publish sends a message and gives its id once the broker has it. A subject that begins with "mq." goes to NATS, a
// snake_case name without dots to Kafka. Data is sent as JSON. It fails with a *GatewayError, or with the error of
// the call's context where the call was cancelled.
func (c *Context) Publish(subject string, data any, options ...PublishOptions) (string, error) {
	message := map[string]any{"subject": subject, "data": data}
	for _, option := range options {
		if option.ID != "" {
			message["id"] = option.ID
		}
	}
	var answer struct{ ID string }
	err := c.ask("Publish", "/v1/publish", message, &answer)
	return answer.ID, err
}
