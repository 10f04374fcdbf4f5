import { GatewayError } from "../gateway-error.ts";

export interface GatewayRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** Path and query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
}

export interface GatewayAnswer {
  readonly status: number;
  /** One header, by its name in lower case. */
  header(name: string): string | undefined;
  /** The whole body; it or `stream` may be asked for, once. */
  bytes(): Promise<Uint8Array>;
  stream(): ReadableStream<Uint8Array>;
}

/** The platform's gateway as one call sees it. */
export interface Gateway {
  /** Throws `GatewayError` for every status from 400 on, and where no answer comes. */
  request(request: GatewayRequest): Promise<GatewayAnswer>;
}

/** Posts JSON and gives the parsed answer. */
export async function postJson(gateway: Gateway, path: string, body: unknown): Promise<unknown> {
  const answer = await gateway.request({
    method: "POST",
    path,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return readJson(answer);
}

export async function readJson(answer: GatewayAnswer): Promise<unknown> {
  const bytes = await answer.bytes();
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  } catch (cause) {
    throw new GatewayError("unavailable", 503, "the gateway's answer is no JSON", undefined, cause);
  }
}

const NEXT = "deploy the function or run it with `hanzo-fn dev`; in a unit test use @hanzo/functions/testing";

/** Stands where there is no gateway: every use says so. */
export const noGateway: Gateway = {
  request: () =>
    Promise.reject(
      new GatewayError("unavailable", 503, `this process was started without a gateway: ${NEXT}`, NEXT),
    ),
};
