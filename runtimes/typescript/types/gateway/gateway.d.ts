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
export declare function postJson(gateway: Gateway, path: string, body: unknown): Promise<unknown>;
export declare function readJson(answer: GatewayAnswer): Promise<unknown>;
/** Stands where there is no gateway: every use says so. */
export declare const noGateway: Gateway;
