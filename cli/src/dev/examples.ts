import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { HEADERS, type Manifest, PlatformError, type Trigger, ulid } from "@hanzo-fn/contract";

export const EXAMPLE_FILE = "example.json";

/** What the author wants an example to hold, by trigger type, in `example.json`. */
export interface Sample {
  readonly data?: unknown;
  /** In place of `data`: that of each event of a batch. Where the trigger makes no batches the first one counts. */
  readonly items?: readonly unknown[];
  readonly headers?: Readonly<Record<string, string>>;
}
export type Samples = Readonly<Record<string, Sample>>;

/** A request as a trigger would make it. */
export interface ExampleRequest {
  /** In words, for example `mq mq.batch.embeddings`. */
  readonly title: string;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

const BATCH_TYPE = "application/vnd.hanzo.batch+json";
/** A batch whose items the author does not write holds so many at most. */
const EXAMPLE_ITEMS = 2;
/** In the place of a trigger's id: there is no record of it here. */
const TRIGGER_ID = "trg_example";

function httpExample(trigger: Extract<Trigger, { type: "http" }>, sample: Sample): ExampleRequest {
  const method = trigger.methods.includes("POST") ? "POST" : (trigger.methods[0] as string);
  const path = trigger.path.replace(/\*$/, "");
  const title = `${method} ${path}`;
  const data = sample.data ?? {};
  if (method !== "GET" && method !== "HEAD") {
    const headers = { "content-type": "application/json", ...sample.headers };
    return { title, method, path, headers, body: JSON.stringify(data) };
  }
  const query = new URLSearchParams(
    Object.entries(data as object).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
  return {
    title,
    method,
    path: query === "" ? path : `${path}?${query}`,
    headers: { ...sample.headers },
    body: undefined,
  };
}

/** An event of the topic `llm_usage`, as the gateway of language models writes it. */
function usageEvent(trigger: Extract<Trigger, { type: "inference" }>, now: string): unknown {
  const total = Math.max(trigger.minTokens ?? 0, 380);
  return {
    schema: "hanzo.stream.v1",
    id: `evt_${ulid(Date.parse(now))}`,
    type: `llm.usage.${trigger.eventTypes?.[0] ?? "completed"}`,
    source: "llm-gateway",
    timestamp: now,
    team_id: "team_example",
    org_id: "org_dev",
    data: {
      request_id: "req_example",
      model: trigger.models?.[0] ?? "zen-7b",
      prompt_tokens: 150,
      completion_tokens: total - 150,
      total_tokens: total,
      latency_ms: 1250,
    },
  };
}

interface Event {
  readonly source: string;
  /** Its id as the event plane makes it; of the item `i` of a batch. */
  readonly id: (i: number) => string;
  readonly data: unknown;
  /** Undefined where the trigger makes a call of each event. */
  readonly batchSize: number | undefined;
}

/** Lists are what the function asks for by any of these (runtimes/contract.md, section 8). */
function batchSizeOf({ type, batchSize, partialResponse }: Exclude<Trigger, { type: "http" | "cron" }>) {
  return batchSize > 1 || partialResponse || type === "stream" ? batchSize : undefined;
}

function eventOf(trigger: Exclude<Trigger, { type: "http" }>, sample: Sample, now: string): Event {
  // Ascending from one example to the next, as sequences and offsets are.
  const first = Date.parse(now);
  const data = sample.items?.[0] ?? sample.data;
  switch (trigger.type) {
    case "mq": {
      const source = trigger.source.replaceAll("*", "example").replace(/>$/, "example");
      const id = (i: number): string => `mq:example:${first + i}`;
      return { source, id, data: data ?? {}, batchSize: batchSizeOf(trigger) };
    }
    case "stream": {
      const id = (i: number): string => `kafka:${trigger.topic}:0:${first + i}`;
      return { source: trigger.topic, id, data: data ?? {}, batchSize: batchSizeOf(trigger) };
    }
    case "cron": {
      const payload = data ?? (JSON.parse(trigger.payload ?? "{}") as unknown);
      const id = (): string => `cron:${TRIGGER_ID}:${now}`;
      return { source: trigger.schedule, id, data: payload, batchSize: undefined };
    }
    case "inference": {
      const id = (i: number): string => `kafka:llm_usage:0:${first + i}`;
      const event = data ?? usageEvent(trigger, now);
      return { source: "llm_usage", id, data: event, batchSize: batchSizeOf(trigger) };
    }
    default:
      return trigger satisfies never;
  }
}

function contentOf(
  { data, id, source, batchSize }: Event,
  sample: Sample,
  now: string,
): Pick<ExampleRequest, "headers" | "body"> {
  if (batchSize === undefined) {
    const headers = { "content-type": "application/json", "idempotency-key": id(0) };
    return { headers, body: JSON.stringify(data) };
  }
  const all = sample.items ?? Array.from({ length: EXAMPLE_ITEMS }, () => data);
  const items = all
    .slice(0, batchSize)
    .map((one, i) => ({ id: id(i), data: one, source, timestamp: now, attempt: 1 }));
  return { headers: { "content-type": BATCH_TYPE }, body: JSON.stringify({ items }) };
}

/** The request that a trigger makes for an event. `now` is RFC 3339. */
export function exampleOf(
  manifest: Manifest,
  trigger: Trigger,
  samples: Samples,
  now: string,
): ExampleRequest {
  const sample = samples[trigger.type] ?? {};
  if (trigger.type === "http") return httpExample(trigger, sample);
  const event = eventOf(trigger, sample, now);
  const { headers, body } = contentOf(event, sample, now);
  return {
    title: `${trigger.type} ${event.source}`,
    method: "POST",
    path: `/v1/functions/${manifest.name}/invoke`,
    headers: {
      ...headers,
      [HEADERS.trigger]: trigger.type,
      [HEADERS.triggerSource]: event.source,
      [HEADERS.triggerId]: TRIGGER_ID,
      [HEADERS.triggerTimestamp]: now,
      [HEADERS.attempt]: "1",
      ...sample.headers,
    },
    body,
  };
}

/** `example.json`; empty where there is none. Throws `bad_request` where it is not what it should be. */
export async function readSamples(root: string): Promise<Samples> {
  const text = await readFile(join(root, EXAMPLE_FILE), "utf8").catch(() => "{}");
  const wrong = (rule: string): PlatformError =>
    new PlatformError("bad_request", `${EXAMPLE_FILE} ${rule}`, {
      component: "dev",
      next: 'write for example {"http": {"data": {"name": "Ada"}}}',
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrong(`does not parse: ${(error as Error).message}`);
  }
  const isMap = (item: unknown): boolean => typeof item === "object" && item !== null && !Array.isArray(item);
  if (!isMap(value) || !Object.values(value as object).every(isMap))
    throw wrong("holds an object by trigger type");
  const samples = value as Samples;
  const isFilled = ({ items }: Sample): boolean =>
    items === undefined || (Array.isArray(items) && items.length > 0);
  if (!Object.values(samples).every(isFilled)) throw wrong("has a list, that is not empty, as `items`");
  return samples;
}
