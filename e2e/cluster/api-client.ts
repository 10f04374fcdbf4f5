import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

/** As much of an object as everybody needs. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly resourceVersion?: string;
  };
}

/** An answer of the API server that is no success; `status` is HTTP's. */
export class ApiError extends Error {
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** The API server with a client certificate. */
export interface ApiClient {
  /** Throws `ApiError` from status 300 on. Paths begin with `/`. */
  request<T>(method: string, path: string, body?: unknown): Promise<T>;
  /**
   * Calls `changed` with all objects of a collection, by uid, at first and after every change, until aborted. Lists
   * anew after an error or an end of the connection.
   */
  watch<T extends KubeObject>(
    path: string,
    changed: (objects: ReadonlyMap<string, T>) => void,
    signal: AbortSignal,
  ): Promise<void>;
  close(): void;
}

export interface ApiClientFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const RETRY_MS = 200;
/** A watch ends by itself after this, so that one on a connection that died silently does, too. */
const WATCH_SECONDS = 60;

export async function createApiClient(url: string, files: ApiClientFiles): Promise<ApiClient> {
  const [ca, cert, key] = await Promise.all([files.ca, files.cert, files.key].map((file) => readFile(file)));
  const agent = new Agent({ keepAlive: true, ca, cert, key });

  const send = (
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { "content-type": "application/json" };
      const request = httpsRequest(new URL(path, url), { method, agent, headers, signal }, resolve);
      request.once("error", reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });

  const answer = async <T>(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<T> => {
    const response = await send(method, path, body, signal);
    const content = await text(response);
    const status = response.statusCode ?? 0;
    if (status >= 300) throw new ApiError(`${method} ${path}: ${status} ${messageOf(content)}`, status);
    return (content.startsWith("{") ? JSON.parse(content) : content) as T;
  };

  /** One list and one watch from there on. */
  const follow = async <T extends KubeObject>(
    path: string,
    changed: (objects: ReadonlyMap<string, T>) => void,
    signal: AbortSignal,
  ): Promise<void> => {
    const list = await answer<{ items: T[]; metadata: { resourceVersion: string } }>(
      "GET",
      path,
      undefined,
      signal,
    );
    const objects = new Map(list.items.map((item) => [item.metadata.uid ?? "", item]));
    changed(objects);
    const since = `resourceVersion=${list.metadata.resourceVersion}&timeoutSeconds=${WATCH_SECONDS}`;
    const limit = AbortSignal.any([signal, AbortSignal.timeout((WATCH_SECONDS + 10) * 1000)]);
    const response = await send("GET", `${path}?watch=1&${since}`, undefined, limit);
    if (response.statusCode !== 200) throw new ApiError(await text(response), response.statusCode ?? 0);
    for await (const line of createInterface({ input: response })) {
      const { type, object } = JSON.parse(line) as { type: string; object: T };
      if (type === "ERROR") return;
      if (type === "DELETED") objects.delete(object.metadata.uid ?? "");
      else objects.set(object.metadata.uid ?? "", object);
      changed(objects);
    }
  };

  return {
    request: (method, path, body) => answer(method, path, body),
    async watch(path, changed, signal) {
      while (!signal.aborted) {
        const ended = await follow(path, changed, signal).then(
          () => true,
          () => false,
        );
        if (!ended && !signal.aborted) await sleep(RETRY_MS);
      }
    },
    close: () => agent.destroy(),
  };
}

function messageOf(content: string): string {
  try {
    return (JSON.parse(content) as { message?: string }).message ?? content;
  } catch {
    return content;
  }
}
