import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** What goes wrong with a request on its way to the real registry. */
export type RegistryFault =
  /** Answers in its place. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>> | undefined;
      readonly body?: string | undefined;
    }
  /** Takes the request and says nothing, for good. */
  | { readonly kind: "silent" }
  /** Breaks the connection after so many bytes of the request; the registry gets none of it, as behind a proxy that buffers. */
  | { readonly kind: "cut-before"; readonly afterBytes: number }
  /** Breaks it after so many bytes, which the registry gets. */
  | { readonly kind: "cut-within"; readonly afterBytes: number }
  /** The registry does it, and nobody hears of it. */
  | { readonly kind: "lose-answer" }
  /** The answer ends after so many bytes: the connection breaks, or nothing more comes. */
  | { readonly kind: "cut-answer"; readonly afterBytes: number; readonly ending: "break" | "silence" }
  /** The answer has other bytes. */
  | { readonly kind: "change-answer"; readonly body: (right: Buffer) => Buffer };

export interface FaultRule {
  readonly method?: string | undefined;
  /** Of path and query. */
  readonly path?: RegExp | undefined;
  /** How many of the matching requests it befalls. Default: all. */
  readonly times?: number | undefined;
  /** How many of the matching requests pass before. Default 0. */
  readonly after?: number | undefined;
  readonly fault: RegistryFault;
}

/** A proxy in front of a real registry that lets everything pass but what the test wants to go wrong. */
export interface FakeRegistry extends AsyncDisposable {
  readonly host: string;
  /** Requests in the order in which they came, as `METHOD path`. */
  readonly requests: ReadonlyArray<{ readonly line: string; readonly authorization: string | undefined }>;
  /** That were opened to it. */
  readonly connections: number;
  inject(rule: FaultRule): void;
  /** Everything passes again. */
  heal(): void;
}

interface ActiveRule extends FaultRule {
  seen: number;
}

export async function startFakeRegistry(upstream: { readonly host: string }): Promise<FakeRegistry> {
  const requests: Array<{ line: string; authorization: string | undefined }> = [];
  let rules: ActiveRule[] = [];
  let connections = 0;

  const faultFor = (method: string, path: string): RegistryFault | undefined => {
    for (const rule of rules) {
      if (rule.method !== undefined && rule.method !== method) continue;
      if (rule.path !== undefined && !rule.path.test(path)) continue;
      rule.seen += 1;
      const { after = 0, times = Infinity } = rule;
      if (rule.seen > after && rule.seen <= after + times) return rule.fault;
    }
    return undefined;
  };

  const server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    requests.push({ line: `${method} ${url}`, authorization: headers.authorization });
    suffer(upstream.host, request, response, faultFor(method, url)).catch(() => request.socket.destroy());
  });
  server.on("connection", () => (connections += 1));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    requests,
    get connections() {
      return connections;
    },
    inject: (rule) => void rules.push({ ...rule, seen: 0 }),
    heal: () => void (rules = []),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

async function suffer(
  host: string,
  request: IncomingMessage,
  response: ServerResponse,
  fault: RegistryFault | undefined,
): Promise<void> {
  if (fault === undefined) return passOn(host, request, response);
  switch (fault.kind) {
    case "answer":
      request.resume();
      response.writeHead(fault.status, { ...fault.headers }).end(fault.body);
      return;
    case "silent":
      request.resume();
      return;
    case "cut-before":
      await readBytes(request, fault.afterBytes);
      request.socket.destroy();
      return;
    case "cut-within": {
      const onward = httpRequest(target(host, request)).on("error", () => {});
      const bytes = await readBytes(request, fault.afterBytes);
      await new Promise((resolve) => onward.write(bytes, resolve));
      onward.destroy();
      request.socket.destroy();
      return;
    }
    default: {
      const onward = httpRequest(target(host, request));
      request.pipe(onward);
      const [answer] = (await once(onward, "response")) as [IncomingMessage];
      return spoil(answer, response, fault);
    }
  }
}

/** The `Host` header stays as it came, so that the registry gives addresses that lead through here. */
function target(host: string, { method, url, headers }: IncomingMessage) {
  const [hostname, port] = host.split(":");
  return { hostname, port, method, path: url, headers };
}

async function passOn(host: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const onward = httpRequest(target(host, request));
  request.pipe(onward);
  request.once("close", () => request.complete || onward.destroy());
  const [answer] = (await once(onward, "response")) as [IncomingMessage];
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  answer.pipe(response);
}

async function spoil(
  answer: IncomingMessage,
  response: ServerResponse,
  fault: Extract<RegistryFault, { kind: "lose-answer" | "cut-answer" | "change-answer" }>,
): Promise<void> {
  const bytes = await buffer(answer);
  if (fault.kind === "lose-answer") {
    response.destroy();
    return;
  }
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  if (fault.kind === "change-answer") {
    response.end(fault.body(bytes));
    return;
  }
  await new Promise((resolve) => response.write(bytes.subarray(0, fault.afterBytes), resolve));
  if (fault.ending === "break") response.destroy();
}

async function readBytes(request: IncomingMessage, count: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= count) break;
  }
  return Buffer.concat(chunks).subarray(0, count);
}
