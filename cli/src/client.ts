import { type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { type ErrorBody, PlatformError } from "@hanzo-fn/contract/errors";
import { readContexts } from "./contexts.ts";
import { type Invocation, UsageError } from "./command.ts";

export const DEFAULT_SERVER = "http://localhost:8060";
export const DEFAULT_INVOKE_SERVER = "http://localhost:8061";

/** An answer that is an error, with the platform's body where there is one. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly body: ErrorBody | undefined;
  constructor(status: number, body: ErrorBody | undefined, fallback: string) {
    super(body?.msg ?? fallback);
    this.status = status;
    this.body = body;
  }
}

/** Nothing answered at all. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
  readonly url: string;
  constructor(url: string, cause: unknown) {
    super(`nothing answers at ${url}: ${(cause as Error).message || (cause as NodeJS.ErrnoException).code}`, {
      cause,
    });
    this.url = url;
  }
}

export interface Send {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
}

export interface Client {
  readonly server: string;
  readonly invokeServer: string;
  /** The answer as it comes, errors too. */
  send(url: string, options?: Send): Promise<IncomingMessage>;
  /** An operation of :8060 with a JSON answer. Throws `ApiError`. */
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** As `call`, for a body that is streamed. */
  upload<T>(method: string, path: string, contentType: string, body: AsyncIterable<Uint8Array>): Promise<T>;
}

export async function readAll(message: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function parseErrorBody(text: string): ErrorBody | undefined {
  try {
    const body = JSON.parse(text) as ErrorBody;
    return body.status === "error" && typeof body.msg === "string" ? body : undefined;
  } catch {
    return undefined;
  }
}

export async function toApiError(message: IncomingMessage): Promise<ApiError> {
  const text = (await readAll(message)).toString("utf8");
  const status = message.statusCode ?? 0;
  return new ApiError(status, parseErrorBody(text), text.slice(0, 500) || `the server answered ${status}`);
}

function sendRequest(
  url: string,
  token: string | undefined,
  org: string | undefined,
  signal: AbortSignal,
  options: Send,
) {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const headers: Record<string, string> = { ...options.headers };
    if (token !== undefined) headers["authorization"] ??= `Bearer ${token}`;
    if (org !== undefined) headers["x-org-id"] ??= org;
    const body = options.body;
    if (typeof body === "string" || body instanceof Uint8Array) {
      headers["content-length"] = String(Buffer.byteLength(body));
    }
    const send = url.startsWith("https:") ? httpsRequest : httpRequest;
    const request = send(url, { method: options.method ?? "GET", headers, signal }, resolve);
    request.once("error", (error) => reject(signal.aborted ? error : new UnreachableError(url, error)));
    if (body === undefined || typeof body === "string" || body instanceof Uint8Array) request.end(body);
    else Readable.from(body).once("error", reject).pipe(request);
  });
}

/** Without its last slash. Throws `UsageError` where it is no address of HTTP. */
function baseUrl(flag: string, text: string): string {
  const protocol = URL.parse(text)?.protocol;
  if (protocol !== "http:" && protocol !== "https:") {
    throw new UsageError(`--${flag} takes a URL such as http://localhost:8060, not ${JSON.stringify(text)}`);
  }
  return text.replace(/\/+$/, "");
}

/** Flags win over the environment, the environment over the context, the context over the default. */
export async function createClient({ flags, env, signal }: Invocation): Promise<Client> {
  const file = await readContexts(env);
  const name = flags.text("context") ?? file.current;
  const saved = name === undefined ? undefined : file.contexts[name];
  if (flags.text("context") !== undefined && saved === undefined) {
    throw new PlatformError("not_found", `there is no context ${JSON.stringify(name)}`, {
      next: "hanzo-fn contexts lists them; hanzo-fn login saves one",
    });
  }
  const explicit = flags.text("server");
  const server = baseUrl("server", explicit ?? saved?.server ?? DEFAULT_SERVER);
  const invokeServer = baseUrl(
    "invoke-server",
    flags.text("invoke-server") ?? saved?.invoke_server ?? DEFAULT_INVOKE_SERVER,
  );
  const sameServer = explicit === undefined || saved?.server === server;
  const token = flags.text("token") ?? env["HANZO_API_KEY"] ?? (sameServer ? saved?.token : undefined);
  const org = flags.text("org") ?? saved?.org;
  const send = (url: string, options: Send = {}): Promise<IncomingMessage> =>
    sendRequest(url, token, org, signal, options);
  const answer = async <T>(message: IncomingMessage): Promise<T> => {
    if ((message.statusCode ?? 0) >= 400) throw await toApiError(message);
    const text = (await readAll(message)).toString("utf8");
    return (text === "" ? undefined : JSON.parse(text)) as T;
  };
  return {
    server,
    invokeServer,
    send,
    async call<T>(method: string, path: string, body?: unknown) {
      const json =
        body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
      return answer<T>(await send(server + path, { method, ...json }));
    },
    async upload<T>(method: string, path: string, contentType: string, body: AsyncIterable<Uint8Array>) {
      return answer<T>(await send(server + path, { method, body, headers: { "content-type": contentType } }));
    },
  };
}
