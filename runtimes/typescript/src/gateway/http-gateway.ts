import type { ClientRequest, IncomingMessage } from "node:http";
import { GatewayError } from "../gateway-error.ts";
import { http } from "../builtins.ts";
import { toWebStream } from "../web-stream.ts";
import type { Gateway, GatewayAnswer, GatewayRequest } from "./gateway.ts";

/** What a request says of the call it belongs to. */
export interface CallIdentity {
  readonly requestId: string;
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  readonly signal: AbortSignal;
}

export interface GatewaySettings {
  /** `unix:/path` or `http://host:port` */
  readonly url: string;
  readonly token: string;
}

const IDLE_MS = 30_000;

/** The gateway behind an address; the connections are kept and shared by all calls. */
export function createHttpGateway(settings: GatewaySettings): (call: CallIdentity) => Gateway {
  const agent = new http.Agent({ keepAlive: true, scheduling: "lifo", timeout: IDLE_MS });
  const place = placeOf(settings.url);
  return (call) => ({
    async request(wanted) {
      const headers = headersOf(settings.token, call, wanted);
      const open = (): ClientRequest =>
        http.request({
          ...place,
          agent,
          method: wanted.method,
          path: wanted.path,
          headers,
          signal: call.signal,
        });
      const message = await attempt(open, wanted.body, call.signal);
      return answerOf(message, wanted);
    },
  });
}

function placeOf(url: string): { socketPath: string } | { host: string; port: number } {
  if (url.startsWith("unix:")) return { socketPath: url.slice("unix:".length) };
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 80 : Number(port) };
}

function headersOf(token: string, call: CallIdentity, wanted: GatewayRequest): Record<string, string> {
  const { body } = wanted;
  const length = typeof body === "string" || body instanceof Uint8Array ? Buffer.byteLength(body) : undefined;
  return {
    ...wanted.headers,
    authorization: `Bearer ${token}`,
    "x-request-id": call.requestId,
    ...(call.traceparent === undefined ? {} : { traceparent: call.traceparent }),
    ...(call.tracestate === undefined ? {} : { tracestate: call.tracestate }),
    ...(length === undefined ? {} : { "content-length": String(length) }),
  };
}

/** Sends the request, once more where a kept connection turned out to be closed before it took anything. */
async function attempt(
  open: () => ClientRequest,
  body: GatewayRequest["body"],
  signal: AbortSignal,
): Promise<IncomingMessage> {
  for (let again = false; ; again = true) {
    const outgoing = open();
    try {
      return await exchange(outgoing, body);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!isTransport(error)) throw error;
      // With EPIPE nobody took the one write that head and body go out with, so nothing can have been done twice.
      const untouched = outgoing.reusedSocket && error.code === "EPIPE" && isWhole(body);
      if (!untouched || again) {
        throw new GatewayError(
          "unavailable",
          503,
          `the gateway does not answer: ${error.message}`,
          undefined,
          error,
        );
      }
    }
  }
}

function exchange(outgoing: ClientRequest, body: GatewayRequest["body"]): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.on("response", resolve).on("error", reject);
    if (isWhole(body)) outgoing.end(body);
    else void pour(body, outgoing);
  });
}

function isWhole(body: GatewayRequest["body"]): body is string | Uint8Array | undefined {
  return body === undefined || typeof body === "string" || body instanceof Uint8Array;
}

/** Writes the pieces as fast as the connection takes them; what their source throws fails the request. */
async function pour(pieces: AsyncIterable<Uint8Array>, outgoing: ClientRequest): Promise<void> {
  try {
    for await (const piece of pieces) {
      if (outgoing.destroyed) return;
      if (!outgoing.write(piece)) await drained(outgoing);
    }
    outgoing.end();
  } catch (error) {
    outgoing.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

function drained(outgoing: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      outgoing.off("drain", done).off("close", done);
      resolve();
    };
    outgoing.on("drain", done).on("close", done);
  });
}

function isTransport(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === "string";
}

async function answerOf(message: IncomingMessage, wanted: GatewayRequest): Promise<GatewayAnswer> {
  const status = message.statusCode ?? 0;
  if (status >= 400) throw await refusal(message, status, wanted);
  return {
    status,
    header: (name) => {
      const value = message.headers[name];
      return typeof value === "string" ? value : value?.join(", ");
    },
    bytes: () => collect(message),
    stream: () => toWebStream(message, { explain: cut, cancelled: () => void message.destroy() }),
  };
}

async function collect(message: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of message) chunks.push(chunk as Buffer);
  } catch (error) {
    throw cut(error as Error);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

function cut(error: Error): Error {
  if (error.name === "AbortError") return error;
  const message = `the gateway's answer was cut: ${error.message}`;
  return new GatewayError("unavailable", 503, message, undefined, error);
}

const BY_STATUS: Readonly<Record<number, string>> = {
  400: "bad_request",
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  413: "payload_too_large",
  503: "unavailable",
  507: "storage_full",
};

async function refusal(message: IncomingMessage, status: number, wanted: GatewayRequest): Promise<Error> {
  const text = Buffer.from(await collect(message)).toString("utf8");
  const body = parse(text);
  const code = body["error"];
  const msg = body["msg"];
  const next = body["next"];
  return new GatewayError(
    typeof code === "string" ? code : (BY_STATUS[status] ?? "internal"),
    status,
    typeof msg === "string" ? msg : `the gateway answered ${wanted.method} ${wanted.path} with ${status}`,
    typeof next === "string" ? next : undefined,
  );
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
