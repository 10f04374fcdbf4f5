package ws

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/hanzoai/functions/sdk/internal/core"
)

// Handshake is the value of Sec-WebSocket-Accept for a request that asks for a WebSocket; an error for any other.
func Handshake(method string, minor int, fields []core.Field) (string, error) {
	upgrade, _ := core.Joined(fields, "upgrade")
	connection, _ := core.Joined(fields, "connection")
	if method != "GET" || minor < 1 || !hasToken(upgrade, "websocket") || !hasToken(connection, "upgrade") {
		return "", errors.New("the request does not ask for a WebSocket: it is no GET with Upgrade: websocket")
	}
	if version, _ := core.Get(fields, "sec-websocket-version"); version != "13" {
		return "", errors.New("the request asks for a WebSocket of another version than 13")
	}
	key, _ := core.Get(fields, "sec-websocket-key")
	if decoded, err := base64.StdEncoding.DecodeString(key); err != nil || len(decoded) != 16 {
		return "", errors.New("the request asks for a WebSocket without a Sec-WebSocket-Key of 16 bytes")
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:]), nil
}

func hasToken(list, token string) bool {
	for _, one := range strings.Split(list, ",") {
		if strings.EqualFold(strings.TrimSpace(one), token) {
			return true
		}
	}
	return false
}
