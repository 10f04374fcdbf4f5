import { PlatformError } from "@hanzo-fn/contract";
import { type Clock, backoffDelay, readLimited, withFullJitter } from "@hanzo-fn/lifecycle";
import http, { type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import https from "node:https";
import { S3Error } from "./errors.ts";
import type { S3Settings } from "./settings.ts";
import { createSigner, type S3Call } from "./sign.ts";

export interface S3Answer {
  readonly headers: IncomingHttpHeaders;
  /** To be read to its end or destroyed. */
  readonly body: IncomingMessage;
  /** How often it was sent. */
  readonly attempts: number;
}

export interface S3Client {
  /** Sends again what a busy or restarting service refused; throws `S3Error`, or `unavailable` where none answers. */
  send(call: S3Call): Promise<S3Answer>;
  /** The same, with the answer's text; an error inside a 200 is thrown, too. */
  sendForText(call: S3Call): Promise<Omit<S3Answer, "body"> & { readonly text: string }>;
  presign(call: S3Call, expiresSeconds: number): Promise<string>;
  readonly clock: Clock;
}

const ATTEMPTS = 4;
const BACKOFF = { initialMs: 200, factor: 2, maxMs: 2000 };
/** Without a byte in either direction. */
const IDLE_MS = 30_000;
const MAX_TEXT = 8 * 1024 * 1024;

export function createS3Client(deps: { readonly clock: Clock }, settings: S3Settings): S3Client {
  const { clock } = deps;
  const transport = new URL(settings.url).protocol === "https:" ? https : http;
  const trust = settings.ca === undefined ? {} : { ca: settings.ca };
  const agent = new transport.Agent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 4, ...trust });
  const signer = createSigner(settings);

  const once = async (call: S3Call, attempts: number): Promise<S3Answer> => {
    const { url, headers } = await signer.sign(call, clock.now());
    const answer = await request(transport, {
      url,
      headers,
      agent,
      call,
      idleMs: settings.idleMs ?? IDLE_MS,
    });
    const status = answer.statusCode!;
    if (status >= 200 && status < 300) return { headers: answer.headers, body: answer, attempts };
    throw new S3Error(status, await readLimited(answer, MAX_TEXT), attempts);
  };
  const send = async (call: S3Call): Promise<S3Answer> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await once(call, attempt);
      } catch (error) {
        call.signal?.throwIfAborted();
        if (attempt === ATTEMPTS || !mayHelp(error)) throw asUnavailable(error, settings.url);
      }
      await clock.sleep(withFullJitter(backoffDelay(BACKOFF, attempt), Math.random()), call.signal);
    }
  };
  return {
    clock,
    send,
    async sendForText(call) {
      const { headers, body, attempts } = await send(call);
      const text = await readLimited(body, MAX_TEXT).catch((error: unknown) => {
        call.signal?.throwIfAborted();
        throw asUnavailable(error, settings.url);
      });
      if (/^\s*(<\?xml[^>]*\?>)?\s*<Error>/.test(text)) throw new S3Error(500, text, attempts);
      return { headers, text, attempts };
    },
    presign: (call, expiresSeconds) => signer.presign(call, clock.now(), expiresSeconds),
  };
}

/** Whether the same call may succeed a moment later: nobody answered, or somebody who is busy. */
function mayHelp(error: unknown): boolean {
  if (!(error instanceof S3Error)) return !(error instanceof PlatformError);
  return (
    [429, 500, 502, 503, 504].includes(error.status) ||
    error.code === "ConditionalRequestConflict" ||
    error.code === "RequestTimeout"
  );
}

/** What is no answer of the service, as `unavailable`. */
export function asUnavailable(error: unknown, url: string): unknown {
  if (error instanceof S3Error || error instanceof PlatformError) return error;
  const { host } = new URL(url);
  return new PlatformError(
    "unavailable",
    `the object storage at ${host} does not answer: ${(error as Error).message || String(error)}`,
    { cause: error, component: "blobs", next: "Check storage.url (OBJECT_STORAGE_URL) and that it runs." },
  );
}

function request(
  transport: typeof http | typeof https,
  what: {
    readonly url: URL;
    readonly headers: Readonly<Record<string, string>>;
    readonly agent: http.Agent;
    readonly call: S3Call;
    readonly idleMs: number;
  },
): Promise<IncomingMessage> {
  const { url, agent, call, idleMs } = what;
  const body = call.body ?? new Uint8Array();
  const length = call.method === "PUT" || call.method === "POST" ? { "content-length": body.length } : {};
  return new Promise((resolve, reject) => {
    call.signal?.throwIfAborted();
    const headers = { ...what.headers, ...length };
    const options = { method: call.method, headers, agent, ...(call.signal ? { signal: call.signal } : {}) };
    const outgoing = transport.request(url, options);
    let answer: IncomingMessage | undefined;
    outgoing.setTimeout(idleMs, () => {
      // Bytes that lie there unread are the reader's delay, not the service's.
      if (answer && answer.readableLength > 0) return;
      const late = new Error(`no byte within ${idleMs / 1000} s`);
      if (answer) answer.destroy(late);
      else outgoing.destroy(late);
    });
    outgoing.once("error", reject);
    outgoing.once("response", (response) => {
      answer = response;
      resolve(response);
    });
    outgoing.end(body);
  });
}
