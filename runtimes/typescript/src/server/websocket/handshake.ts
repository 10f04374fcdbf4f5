import type { IncomingMessage } from "node:http";
import { crypto } from "../../builtins.ts";

/** RFC 6455, section 1.3. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Whether the client asks for a WebSocket, rightly or not. */
export function asksForWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === "websocket";
}

/** The key of an upgrade that can be accepted (RFC 6455, section 4.2.1); undefined for any other call. */
export function upgradeKey(request: IncomingMessage): string | undefined {
  const key = request.headers["sec-websocket-key"];
  const fits =
    request.method === "GET" &&
    asksForWebSocket(request) &&
    request.headers["sec-websocket-version"] === "13" &&
    key !== undefined &&
    /^[A-Za-z0-9+/]{22}==$/.test(key);
  return fits ? key : undefined;
}

/** @param platform names and values in turn */
export function switchingHead(key: string, platform: readonly string[]): string {
  const accept = crypto().createHash("sha1").update(`${key}${GUID}`).digest("base64");
  let head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n`;
  for (let i = 0; i < platform.length; i += 2) head += `${platform[i]}: ${platform[i + 1]}\r\n`;
  return `${head}\r\n`;
}
