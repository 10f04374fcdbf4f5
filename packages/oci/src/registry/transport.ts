import http, { type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import https from "node:https";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream";

export interface TransportRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  readonly headers: OutgoingHttpHeaders;
  /** A stream is read once; its length stands in the headers. */
  readonly body?: Readable | Uint8Array | undefined;
  readonly signal: AbortSignal;
}

export interface TransportResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Read it, or let it run out (`resume`), so that the connection can be used again. */
  readonly body: Readable;
}

/** One HTTP exchange: no redirect, no second try. Rejects with the signal's reason, with a `SilenceError`, or with what broke the connection. */
export type Transport = (request: TransportRequest) => Promise<TransportResponse>;

/** The connection stands and nothing moved on it. */
export class SilenceError extends Error {
  override readonly name = "SilenceError";
  readonly silenceMs: number;

  constructor(host: string, silenceMs: number) {
    super(`${host} was silent for ${silenceMs / 1000} s`);
    this.silenceMs = silenceMs;
  }
}

export interface TransportOptions {
  /** A connection on which nothing moves for this long is cut, while connecting, sending, waiting and receiving alike. Default 30 s. */
  readonly silenceMs?: number | undefined;
  /** PEM certificates of the authorities to trust, instead of the system's. */
  readonly ca?: string | undefined;
}

/** Over `node:http`, with connections kept: a push is a dozen small requests. */
export function httpTransport(options: TransportOptions = {}): Transport {
  const { silenceMs = 30_000, ca } = options;
  const plain = new http.Agent({ keepAlive: true });
  const tls = new https.Agent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) });
  return ({ method, url, headers, body, signal }) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const secure = url.protocol === "https:";
      const settings = { method, headers, signal, timeout: silenceMs };
      const request = secure
        ? https.request(url, { ...settings, agent: tls })
        : http.request(url, { ...settings, agent: plain });
      let answer: IncomingMessage | undefined;
      request.on("timeout", () => (answer ?? request).destroy(new SilenceError(url.host, silenceMs)));
      request.once("response", (response) => {
        answer = response;
        // Who reads it hears of an error by itself; who does not must not have it thrown.
        response.on("error", () => {});
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: response });
      });
      // Stays after the answer: a server that answers before it has read everything breaks what is still being sent.
      request.on("error", (error) => reject(signal.aborted ? (signal.reason as Error) : error));
      if (body === undefined || body instanceof Uint8Array) request.end(body);
      else pipeline(body, request, () => {});
    });
}

/** One value of a header, the first where there are several. */
export function headerOf(response: TransportResponse, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
