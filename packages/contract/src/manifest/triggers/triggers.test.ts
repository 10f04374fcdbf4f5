import { describe, expect, it } from "vitest";
import { parseManifest } from "../parse.ts";
import type { Trigger } from "../types.ts";
import { TRIGGER_KINDS, triggerKey } from "./index.ts";

/** Problems of a manifest with these triggers. */
function problems(...triggers: string[]): string[] {
  const list = triggers.map((trigger) => `  - ${trigger}`).join("\n");
  const result = parseManifest(
    `name: f\nruntime: python\nversion: 1.0.0\nentry: handler.run\ntriggers:\n${list}\n`,
  );
  if (result.ok) return [];
  return (result.error.details ?? []).map(
    (item) => `${item.path?.replace("triggers[0].", "")}: ${item.rule}`,
  );
}

function read(type: Trigger["type"], fields: Record<string, unknown>): Trigger {
  const kind = TRIGGER_KINDS[type];
  return kind.read(kind.schema().parse({ type, ...fields }));
}

describe("an http trigger", () => {
  it.each([
    ["{type: http}", "path: is required"],
    ["{type: http, path: 5}", "path: must be an absolute path such as /hooks/stripe"],
    ["{type: http, path: /x, methods: []}", "methods: needs at least 1 entry"],
    ["{type: http, path: /x, methods: POST}", "methods: must be a list"],
    [
      "{type: http, path: /x, methods: [CONNECT]}",
      "methods[0]: must be one of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS",
    ],
    ["{type: http, path: /x, methods: [GET, GET]}", "methods[1]: repeats GET"],
    ["{type: http, path: /x, auth: jwt}", "auth: must be one of required, optional, none"],
    [
      "{type: http, path: /x, rate_limit: 100}",
      "rate_limit: must be a rate such as 10/s, 100/min, 1000/hour or 5000/day",
    ],
    [
      "{type: http, path: /x, rate_limit: 0/min}",
      "rate_limit: must be a rate such as 10/s, 100/min, 1000/hour or 5000/day",
    ],
    [
      "{type: http, path: /x, rate_limit: 5/week}",
      "rate_limit: must be a rate such as 10/s, 100/min, 1000/hour or 5000/day",
    ],
    ["{type: http, path: /x, cors: {}}", "cors.origins: is required"],
    [
      "{type: http, path: /x, cors: {origins: [a.example]}}",
      "cors.origins[0]: must be `*` or an origin such as https://app.example.com",
    ],
    [
      "{type: http, path: /x, cors: {origins: ['*'], credentials: true}}",
      "cors.credentials: must be false where origins has `*`",
    ],
    ["{type: http, path: /x, cors: {origins: ['*'], max_age: 2d}}", "cors.max_age: must be at most 24h"],
    [
      "{type: http, path: /x, cors: {origins: ['*'], headers: ['a b']}}",
      "cors.headers[0]: must be a header name",
    ],
    ["{type: http, path: /v1/functions/g}", "path: /v1/functions/g can be claimed only by the function g"],
    ["{type: http, path: /x, source: y}", "source: is not a known field"],
  ])("refuses %s", (trigger, problem) => {
    expect(problems(trigger)).toContain(problem);
  });

  it.each([
    ["10/s", 10, 1000],
    ["10/sec", 10, 1000],
    ["100/min", 100, 60_000],
    ["5/hour", 5, 3_600_000],
    ["5/h", 5, 3_600_000],
    ["1/day", 1, 86_400_000],
  ])("reads the rate limit %s", (text, count, windowMs) => {
    expect(read("http", { path: "/x", rate_limit: text })).toMatchObject({ rateLimit: { count, windowMs } });
  });

  it("refuses the same path and method in two triggers, and allows another method", () => {
    expect(problems("{type: http, path: /x}", "{type: http, path: /x, methods: [POST]}")).toEqual([
      "triggers[1].methods[0]: POST /x is already claimed by triggers[0]",
    ]);
    expect(problems("{type: http, path: /x}", "{type: http, path: /x, methods: [GET]}")).toEqual([]);
  });
});

describe("an mq trigger", () => {
  it.each(["mq.batch.embeddings", "mq.notify.>", "mq.*.done", "mq.>"])("takes the subject %s", (source) => {
    expect(problems(`{type: mq, source: "${source}"}`)).toEqual([]);
  });

  it.each(["batch.embeddings", "mq", "mq.", "mq..a", "mq.A.b", "mq.a b", "mq.>.a", "mq.a*", "mq.a.>>"])(
    "refuses the subject %s",
    (source) => {
      expect(problems(`{type: mq, source: "${source}"}`)[0]).toContain("source: must be an MQ subject");
    },
  );

  it("suggests the prefix that is missing", () => {
    const result = parseManifest("triggers: [{type: mq, source: batch.embeddings}]");
    const details = result.ok ? [] : (result.error.details ?? []);
    expect(details.find((item) => item.path === "triggers[0].source")?.suggestion).toBe(
      "did you mean `mq.batch.embeddings`?",
    );
  });

  it.each([
    ["batch_size: 0", "batch_size: must be from 1 to 1000"],
    ["batch_size: 1001", "batch_size: must be from 1 to 1000"],
    ["max_batch_wait: 301s", "max_batch_wait: must be at most 5m"],
    ["consumer_group: a.b", "consumer_group: must be a consumer name of letters, digits, `-` and `_`"],
    ["retry: {attempts: 0}", "retry.attempts: must be from 1 to 10000"],
    ["retry: {on_4xx: drop}", "retry.on_4xx: must be one of retry, park"],
    ["retry: {backoff: {factor: 2}}", "retry.backoff.factor: is not a known field"],
    ["partial_response: yes", "partial_response: must be true or false"],
    [
      "dead_letter: mq.dlq.>",
      "dead_letter: must be an MQ subject `mq.<domain>.<entity>`, lower case, without wildcards",
    ],
    ["max_event_age: 5s", "max_event_age: must be at least 1m"],
    ["ordering: key", "ordering: must be one of none, subject, strict"],
    ["topic: t", "topic: is not a known field"],
  ])("refuses %s", (field, problem) => {
    expect(problems(`{type: mq, source: mq.a.b, ${field}}`)).toContain(problem);
  });

  it("has the standard's defaults and ours", () => {
    expect(read("mq", { source: "mq.a.b" })).toEqual({
      type: "mq",
      source: "mq.a.b",
      batchSize: 1,
      maxBatchWaitMs: 5000,
      retry: { on4xx: "retry", backoff: { initialMs: 1000, maxMs: 60_000, multiplier: 2 } },
      partialResponse: false,
      maxEventAgeMs: 86_400_000,
      ordering: "none",
    });
  });

  it("refuses the same subject and group twice", () => {
    expect(
      problems("{type: mq, source: mq.a.b}", "{type: mq, source: mq.a.b, consumer_group: fn-f}"),
    ).toEqual(["triggers[1]: is the same trigger as triggers[0]"]);
  });
});

describe("a stream trigger", () => {
  it("has the values of the standard's example as defaults", () => {
    expect(read("stream", { topic: "llm_usage" })).toMatchObject({
      batchSize: 100,
      maxBatchWaitMs: 10_000,
      startOffset: "latest",
      ordering: "partition",
    });
  });

  it.each([
    ["topic: a/b", "topic: must be a Kafka topic name of letters, digits, `.`, `_` and `-`"],
    ['topic: ".."', "topic: must not be `..`"],
    ["topic: t, start_offset: newest", "start_offset: must be one of latest, earliest"],
    ["topic: t, ordering: subject", "ordering: must be one of partition, key, none"],
    ["topic: t, max_concurrency: 0", "max_concurrency: must be from 1 to 10000"],
  ])("refuses %s", (fields, problem) => {
    expect(problems(`{type: stream, ${fields}}`)).toContain(problem);
  });
});

describe("a cron trigger", () => {
  it.each([
    [
      'schedule: "0 2 * *"',
      "schedule: must have 5 fields (minute hour day month weekday), or 6 with leading seconds; this has 4",
    ],
    [
      'schedule: "@daily", timezone: Mars/Olympus',
      "timezone: must be an IANA time zone such as UTC or Europe/Berlin",
    ],
    [
      'schedule: "@daily", timezone: "+02:00"',
      "timezone: must be an IANA time zone such as UTC or Europe/Berlin",
    ],
    ['schedule: "@daily", payload: {a: 1}', "payload: must be a string that holds JSON"],
    [
      'schedule: "@daily", overlap: forbid',
      "overlap: must be one of skip, queue_one, queue_all, allow, replace",
    ],
    ['schedule: "@daily", catchup: some', "catchup: must be one of none, last, all"],
    ['schedule: "@daily", catchup_window: 1s', "catchup_window: must be at least 10s"],
    ['schedule: "@daily", jitter: 2h', "jitter: must be at most 1h"],
    ["schedule: 5", 'schedule: must be a cron schedule such as "0 2 * * *"'],
  ])("refuses %s", (fields, problem) => {
    expect(problems(`{type: cron, ${fields}}`)).toContain(problem);
  });

  it("refuses a payload that is no JSON", () => {
    expect(problems(`{type: cron, schedule: "@daily", payload: "{mode"}`)[0]).toContain(
      "payload: must hold JSON",
    );
  });

  it("runs in UTC, skips overlaps and makes up the last missed run by default", () => {
    expect(read("cron", { schedule: "0  2 * * *" })).toMatchObject({
      schedule: "0 2 * * *",
      timezone: "UTC",
      overlap: "skip",
      catchup: "last",
      catchupWindowMs: 3_600_000,
      jitterMs: 0,
      atMostOnce: false,
    });
  });
});

describe("an inference trigger", () => {
  it("matches all without a filter", () => {
    expect(read("inference", {})).toMatchObject({ type: "inference", batchSize: 1 });
  });

  it.each([
    ["models: []", "models: needs at least 1 entry"],
    ["models: [a b]", "models[0]: must be a model name without spaces"],
    ["event_types: [done]", "event_types[0]: must be one of completed, failed"],
    ["min_tokens: -1", "min_tokens: must be from 0 to 1000000000"],
  ])("refuses %s", (fields, problem) => {
    expect(problems(`{type: inference, ${fields}}`)).toContain(problem);
  });
});

describe("triggerKey", () => {
  it("does not depend on order, methods, limits or delivery options", () => {
    expect(triggerKey(read("http", { path: "/x", methods: ["GET"] }), "f")).toBe(
      triggerKey(read("http", { path: "/x", auth: "none", rate_limit: "1/s" }), "f"),
    );
    expect(triggerKey(read("mq", { source: "mq.a.b", batch_size: 5 }), "f")).toBe(
      triggerKey(read("mq", { source: "mq.a.b", consumer_group: "fn-f" }), "f"),
    );
    expect(triggerKey(read("cron", { schedule: "@daily", overlap: "allow" }), "f")).toBe(
      triggerKey(read("cron", { schedule: "@daily" }), "f"),
    );
  });

  it("changes with path, subject, group, topic, schedule, zone and payload", () => {
    const keys = [
      read("http", { path: "/x" }),
      read("http", { path: "/y" }),
      read("mq", { source: "mq.a.b" }),
      read("mq", { source: "mq.a.c" }),
      read("mq", { source: "mq.a.b", consumer_group: "g" }),
      read("stream", { topic: "t" }),
      read("stream", { topic: "u" }),
      read("cron", { schedule: "@daily" }),
      read("cron", { schedule: "@hourly" }),
      read("cron", { schedule: "@daily", timezone: "Europe/Berlin" }),
      read("cron", { schedule: "@daily", payload: "{}" }),
      read("inference", {}),
      read("inference", { models: ["zen-7b"] }),
    ].map((trigger) => triggerKey(trigger, "f"));
    expect(new Set(keys).size).toBe(keys.length);
  });
});
