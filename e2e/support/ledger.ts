import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { FunctionSource } from "./functions.ts";

/** One event, as a function saw it. */
interface SeenItem {
  readonly id: string;
  readonly data: unknown;
  readonly attempt: number;
}

/** What a function saw of a call. */
export interface Seen {
  readonly data: unknown;
  readonly trigger: { type: string; source: string; id: string; timestamp: string; attempt: number };
  readonly key: string;
  readonly redriveOf: string | null;
  readonly requestId: string;
  readonly trace: string;
  /** Null where the call was no batch. */
  readonly items: readonly SeenItem[] | null;
}

/** Hears of every call of the functions that it made the source of. */
export interface Ledger extends AsyncDisposable {
  seenBy(name: string): Seen[];
  /**
   * Tells the ledger what it sees, then does as `then` says.
   * @param triggers items of the `triggers:` block
   * @param then statements of an async function of `ctx`
   * @param manifest further lines of function.yaml
   */
  function(name: string, triggers: string, then?: string, manifest?: string): FunctionSource;
}

export async function startLedger(): Promise<Ledger> {
  const seen = new Map<string, Seen[]>();
  const seenBy = (name: string): Seen[] => seen.get(name) ?? [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const name = (request.url ?? "/").slice(1);
      seen.set(name, [...seenBy(name), JSON.parse(body) as Seen]);
      response.end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    seenBy,
    function: (name, triggers, then = "return 'done';", manifest = "") => ({
      name,
      runtime: "typescript",
      triggers: `triggers:\n${triggers}`,
      manifest,
      code:
        `export const handle = async (ctx) => {\n` +
        `  const { type, source, id, timestamp, attempt } = ctx.trigger;\n` +
        `  const seen = { data: ctx.data, trigger: { type, source, id, timestamp, attempt },\n` +
        `    key: ctx.headers.get("idempotency-key"), redriveOf: ctx.headers.get("redrive-of"),\n` +
        `    requestId: ctx.requestId, trace: (ctx.headers.get("traceparent") ?? "").split("-")[1] ?? "",\n` +
        `    items: ctx.batch?.map(({ id, data, attempt }) => ({ id, data, attempt })) ?? null };\n` +
        `  await fetch("http://127.0.0.1:${port}/${name}", { method: "POST", body: JSON.stringify(seen) });\n` +
        `  ${then}\n};\n`,
    }),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close").catch(() => {});
    },
  };
}
