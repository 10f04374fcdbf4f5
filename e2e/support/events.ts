import type {
  DeadLetterDetailJson,
  DeadLetterJson,
  TriggerDetailJson,
  TriggerJson,
  TriggerRunJson,
} from "@hanzo-fn/contract/api";
import { waitFor } from "@hanzo-fn/testkit";
import { expect } from "vitest";
import type { TestPlatform } from "./platform.ts";

export const eventually = { timeoutMs: 60_000, everyMs: 100 };

/** Publishes by the CLI; `flags` are further ones of `hanzo-fn publish`. */
export function publishOn(
  platform: Pick<TestPlatform, "ok">,
  to: string,
  data: unknown,
  ...flags: readonly string[]
): Promise<string> {
  return platform.ok(["publish", to, "--data", JSON.stringify(data), ...flags]);
}

/** `POST /v1/publish`, as it is answered; a text is sent as it is. */
export function postPublish(
  platform: Pick<TestPlatform, "fetchApi">,
  message: string | { readonly subject: string; readonly data: unknown },
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return platform.fetchApi("/v1/publish", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof message === "string" ? message : JSON.stringify(message),
  });
}

/** What the API of a platform says of its triggers; every answer is a 200. */
export interface EventsApi {
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body?: unknown): Promise<T>;
  triggersOf(name: string): Promise<TriggerJson[]>;
  /** Its first one. */
  triggerOf(name: string): Promise<TriggerJson>;
  detailOf(name: string): Promise<TriggerDetailJson>;
  /** Of its first one, once nothing is left for it. */
  drained(name: string): Promise<TriggerDetailJson>;
  runsOf(id: string): Promise<TriggerRunJson[]>;
  lettersOf(name: string): Promise<DeadLetterJson[]>;
  letter(id: string): Promise<DeadLetterDetailJson>;
}

export function eventsApi(platform: Pick<TestPlatform, "fetchApi">): EventsApi {
  const ask = async <T>(path: string, init?: RequestInit): Promise<T> => {
    const answer = await platform.fetchApi(path, init);
    const text = await answer.text();
    expect([answer.status, text]).toEqual([200, expect.any(String)]);
    return JSON.parse(text) as T;
  };
  const triggersOf = async (name: string): Promise<TriggerJson[]> =>
    (await ask<{ triggers: TriggerJson[] }>(`/v1/triggers?function=${name}`)).triggers;
  const triggerOf = async (name: string): Promise<TriggerJson> => (await triggersOf(name))[0] as TriggerJson;
  const detailOf = async (name: string): Promise<TriggerDetailJson> =>
    ask(`/v1/triggers/${(await triggerOf(name)).id}`);
  return {
    get: ask,
    post: (path, body) =>
      ask(path, {
        method: "POST",
        ...(body !== undefined && {
          body: JSON.stringify(body),
          headers: { "content-type": "application/json" },
        }),
      }),
    triggersOf,
    triggerOf,
    detailOf,
    drained: (name) =>
      waitFor(
        `nothing to be left for ${name}`,
        async () => {
          const found = await detailOf(name);
          return found.lag?.items === 0 && found;
        },
        eventually,
      ),
    runsOf: async (id) => (await ask<{ runs: TriggerRunJson[] }>(`/v1/triggers/${id}/runs?limit=100`)).runs,
    lettersOf: async (name) =>
      (await ask<{ dead_letters: DeadLetterJson[] }>(`/v1/dead-letters?function=${name}`)).dead_letters,
    letter: (id) => ask<DeadLetterDetailJson>(`/v1/dead-letters/${id}`),
  };
}
