import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { HEADERS, type Manifest, PlatformError, type Trigger, ulid } from "@hanzo-fn/contract";

export const EXAMPLE_FILE = "example.json";

/** What the author wants an example to hold, by trigger type, in `example.json`. */
export interface Sample {
  readonly data?: unknown;
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
/** A batch of an example holds so many items at most. */
const EXAMPLE_ITEMS = 2;

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
  readonly id: string;
  readonly data: unknown;
  readonly batchSize: number;
}

function eventOf(trigger: Exclude<Trigger, { type: "http" }>, sample: Sample, now: string): Event {
  const id = ulid(Date.parse(now));
  switch (trigger.type) {
    case "mq": {
      const source = trigger.source.replaceAll("*", "example").replace(/>$/, "example");
      return { source, id: `mq:example:${id}`, data: sample.data ?? {}, batchSize: trigger.batchSize };
    }
    case "stream":
      return {
        source: trigger.topic,
        id: `kafka:${trigger.topic}:0:${id}`,
        data: sample.data ?? {},
        batchSize: trigger.batchSize,
      };
    case "cron": {
      const data = sample.data ?? (JSON.parse(trigger.payload ?? "{}") as unknown);
      return { source: trigger.schedule, id: `cron:example:${now}`, data, batchSize: 1 };
    }
    case "inference": {
      const data = sample.data ?? usageEvent(trigger, now);
      return { source: "llm_usage", id: `kafka:llm_usage:0:${id}`, data, batchSize: trigger.batchSize };
    }
    default:
      return trigger satisfies never;
  }
}

function bodyOf({ data, id, source, batchSize }: Event, now: string): { type: string; body: string } {
  if (batchSize === 1) return { type: "application/json", body: JSON.stringify(data) };
  const items = Array.from({ length: Math.min(batchSize, EXAMPLE_ITEMS) }, (_, i) => {
    return { id: `${id}-${i + 1}`, data, source, timestamp: now, attempt: 1 };
  });
  return { type: BATCH_TYPE, body: JSON.stringify({ items }) };
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
  const { type, body } = bodyOf(event, now);
  return {
    title: `${trigger.type} ${event.source}`,
    method: "POST",
    path: `/v1/functions/${manifest.name}/invoke`,
    headers: {
      "content-type": type,
      [HEADERS.trigger]: trigger.type,
      [HEADERS.triggerSource]: event.source,
      [HEADERS.triggerId]: event.id,
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
  if (isMap(value) && Object.values(value as object).every(isMap)) return value as Samples;
  throw wrong("holds an object by trigger type");
}
