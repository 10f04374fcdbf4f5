import { type IncomingHttpHeaders, request as httpRequest } from "node:http";
import type { Readable } from "node:stream";
import { openDiskObjects } from "@hanzo-fn/blobs";
import type { Message, Publisher, Publishers } from "@hanzo-fn/brokers";
import { systemClock } from "@hanzo-fn/lifecycle";
import { exportGraphs } from "@hanzo-fn/models";
import { openStore } from "@hanzo-fn/store";
import { createRegistry, type Logger } from "@hanzo-fn/telemetry";
import { createTestDatabase, recordingLog, tempDir } from "@hanzo-fn/testkit";
import { createGateway, type GatewayParts } from "./gateway.ts";
import { createEmbeddedKv } from "./kv/embedded.ts";
import { createModels } from "./models/models.ts";
import { createModelSources } from "./models/sources.ts";
import { openModelTrees } from "./models/tree.ts";
import { createStorage } from "./storage/storage.ts";

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body parsed. */
  readonly json: () => Record<string, unknown>;
}

export interface Sent {
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | Buffer | Readable | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One request on a connection of its own. */
export function call(socketPath: string, path: string, sent: Sent = {}): Promise<Reply> {
  const { method = "GET", headers = {}, body, signal } = sent;
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ socketPath, path, method, headers, agent: false, signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => void chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const whole = Buffer.concat(chunks);
        const json = () => JSON.parse(whole.toString()) as Record<string, unknown>;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: whole, json });
      });
    });
    outgoing.on("error", reject);
    if (typeof body === "object" && "pipe" in body) body.on("error", () => outgoing.destroy()).pipe(outgoing);
    else outgoing.end(body);
  });
}

/** Keeps what is published. */
export function recordingPublisher() {
  const messages: Message[] = [];
  const publisher: Publisher = {
    publish(message) {
      messages.push(message);
      return Promise.resolve({ place: "here", duplicate: false });
    },
    close: () => Promise.resolve(),
  };
  return { messages, publisher };
}

const IDENTITY = { org: "acme", function: "f", revision: "f-00001", instance: "fn-f-00001-local-1" };

/** A gateway on the embedded store and the disk, with organisations `acme` and `acme-labs`. */
export async function openTestGateway({
  publishers,
  ...over
}: Partial<Omit<GatewayParts, "publishers">> & { readonly publishers?: Partial<Publishers> } = {}) {
  const database = await createTestDatabase();
  const dir = await tempDir("hfg-");
  const recorded = recordingLog();
  const log: Logger & typeof recorded = {
    ...recorded,
    log: (level, msg, fields) => recorded[level === "error" ? "error" : "debug"](msg, fields),
    child: () => log,
  };
  const store = await openStore({ database, log, clock: systemClock });
  const objects = await openDiskObjects({ clock: systemClock }, { directory: `${dir.path}/objects` });
  const storage = createStorage(objects, {
    bucket: "hanzo-functions",
    endpoints: () => ["http://objects.test"],
    organisations: () => Promise.resolve(new Set(["acme", "acme-labs"])),
    makesBuckets: true,
  });
  const registry = createRegistry("hanzo_fn");
  const gateway = createGateway(
    {
      kv: createEmbeddedKv(store.kv, { maxBytesPerFunction: 1024 * 1024, maxConnections: 5 }),
      storage,
      publishers: {
        nats: recordingPublisher().publisher,
        kafka: recordingPublisher().publisher,
        ...publishers,
      },
      models: createModels(
        await openModelTrees(`${dir.path}/models`, exportGraphs),
        createModelSources(objects, `${dir.path}/plain`),
      ),
      registry,
      clock: systemClock,
      log,
      ...over,
    },
    { runDir: `${dir.path}/run`, forOthers: false, port: 0 },
  );
  await gateway.start(AbortSignal.timeout(5000));
  const socketPath = gateway.url.slice("unix:".length);
  const grant = gateway.grant(IDENTITY);
  const authorised =
    (token: string) =>
    (path: string, sent: Sent = {}) =>
      call(socketPath, path, { ...sent, headers: { ...sent.headers, authorization: `Bearer ${token}` } });
  return {
    gateway,
    objects,
    storage,
    registry,
    log,
    dir: dir.path,
    socketPath,
    token: grant.token,
    revoke: () => grant[Symbol.dispose](),
    call: authorised(grant.token),
    /** As an instance of another function, or of another organisation. */
    as: (identity: Partial<typeof IDENTITY>) => authorised(gateway.grant({ ...IDENTITY, ...identity }).token),
    async kv(command: Record<string, unknown>) {
      const reply = await authorised(grant.token)("/v1/kv", {
        method: "POST",
        body: JSON.stringify(command),
      });
      return reply.json();
    },
    async [Symbol.asyncDispose]() {
      await gateway.stop(0);
      await store.close();
      await database[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}
