import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { text } from "node:stream/consumers";
import type { KubeObject } from "../src/index.ts";

/** What one request looked like. */
export interface SeenRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** Answers a request itself and says true, or leaves it to the server. */
export type Fault = (seen: SeenRequest, answer: ServerResponse) => boolean;

interface OpenWatch {
  readonly plural: string;
  readonly answer: ServerResponse;
  /** Gets nothing any more, and is not told. */
  dead: boolean;
}

interface LogEntry {
  readonly plural: string;
  readonly version: number;
  readonly line: string;
}

/**
 * Lists and watches as an API server has them, and everything that may go wrong with them. It knows collections by
 * their plural, no namespaces' rights, no validation: what a real server does is tested against a real one.
 */
export async function startFakeApiServer() {
  const objects = new Map<string, Map<string, KubeObject>>();
  const log: LogEntry[] = [];
  const seen: SeenRequest[] = [];
  const watches = new Set<OpenWatch>();
  const faults = new Set<Fault>();
  const sockets = new Set<Socket>();
  let version = 100;
  let oldest = 0;
  let port = 0;
  let server: Server | undefined;

  const send = (plural: string, line: string): void => {
    for (const watch of watches) if (watch.plural === plural && !watch.dead) watch.answer.write(line);
  };
  const record = (plural: string, type: string, object: KubeObject): void => {
    const line = `${JSON.stringify({ type, object })}\n`;
    log.push({ plural, version, line });
    send(plural, line);
  };
  const openWatch = (plural: string, url: URL, answer: ServerResponse): void => {
    const from = Number(url.searchParams.get("resourceVersion"));
    answer.writeHead(200, { "content-type": "application/json" }).flushHeaders();
    if (from < oldest) return void answer.end(errorLine(410, "Expired", `too old resource version: ${from}`));
    for (const entry of log) if (entry.plural === plural && entry.version > from) answer.write(entry.line);
    const watch: OpenWatch = { plural, answer, dead: false };
    watches.add(watch);
    const end = setTimeout(
      () => {
        if (!watch.dead) answer.end();
      },
      Number(url.searchParams.get("timeoutSeconds")) * 1000,
    );
    answer.on("close", () => {
      clearTimeout(end);
      watches.delete(watch);
    });
  };
  const serve = async (request: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const url = new URL(request.url!, "http://fake");
    const one: SeenRequest = {
      method: request.method!,
      url,
      headers: request.headers,
      body: await text(request),
    };
    seen.push(one);
    for (const fault of faults) if (fault(one, answer)) return;
    const plural = url.pathname.split("/").at(-1)!;
    const items = [...(objects.get(plural)?.values() ?? [])];
    if (url.searchParams.get("watch") === "true") return openWatch(plural, url, answer);
    answer
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify({ metadata: { resourceVersion: String(version) }, items }));
  };
  const start = async (): Promise<void> => {
    server = createServer((request, answer) => void serve(request, answer));
    server.on("connection", (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    ({ port } = server.address() as AddressInfo);
  };
  const stop = async (): Promise<void> => {
    const closed = server && once(server, "close");
    server?.close();
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
    server = undefined;
  };
  await start();
  const openOn = (plural: string): OpenWatch[] => [...watches].filter((watch) => watch.plural === plural);

  return {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    seen,
    start,
    stop,
    put(plural: string, name: string, more: object = {}, quietly = false): void {
      version += 1;
      const collection = objects.get(plural) ?? new Map<string, KubeObject>();
      objects.set(plural, collection);
      const type = collection.has(name) ? "MODIFIED" : "ADDED";
      const metadata = { name, namespace: "acme", uid: `uid-${name}`, resourceVersion: String(version) };
      const object = { apiVersion: "test/v1", kind: "Thing", metadata, ...more };
      collection.set(name, object);
      if (!quietly) record(plural, type, object);
    },
    /** `quietly`: no watch will ever hear of it. */
    remove(plural: string, name: string, quietly = false): void {
      version += 1;
      const object = objects.get(plural)!.get(name)!;
      objects.get(plural)!.delete(name);
      const metadata = { ...object.metadata, resourceVersion: String(version) };
      if (!quietly) record(plural, "DELETED", { ...object, metadata });
    },
    /** Tells every watch of this collection how far the server is, without an object. */
    bookmark(plural: string): void {
      version += 1;
      const object = { apiVersion: "test/v1", kind: "Thing", metadata: { resourceVersion: String(version) } };
      send(plural, `${JSON.stringify({ type: "BOOKMARK", object })}\n`);
    },
    write: send,
    watchesOn: (plural: string) => openOn(plural).length,
    /** A connection that is open at our end alone. */
    silence(plural: string): void {
      for (const watch of openOn(plural)) watch.dead = true;
    },
    /** Resets the connections under the watches. */
    cut(plural: string): void {
      for (const watch of openOn(plural)) watch.answer.socket?.destroy();
    },
    /** Ends the watches as a server in good order does. */
    end(plural: string): void {
      for (const watch of openOn(plural)) watch.answer.end();
    },
    /** Forgets everything that was before now: a watch from there on gets 410. */
    compact(): void {
      oldest = version;
    },
    /** Until the returned function is called. */
    fault(fault: Fault): () => void {
      faults.add(fault);
      return () => void faults.delete(fault);
    },
    version: () => String(version),
    [Symbol.asyncDispose]: stop,
  };
}

export function errorLine(code: number, reason: string, message: string): string {
  return `${JSON.stringify({ type: "ERROR", object: statusBody(code, reason, message) })}\n`;
}

export function statusBody(code: number, reason: string, message: string, details?: object): object {
  return {
    kind: "Status",
    apiVersion: "v1",
    status: "Failure",
    code,
    reason,
    message,
    ...(details ? { details } : {}),
  };
}

export function answerWith(
  answer: ServerResponse,
  code: number,
  body: object,
  headers: Record<string, string> = {},
): true {
  answer.writeHead(code, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  return true;
}
