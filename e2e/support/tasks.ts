import type { TaskAcceptedJson, TaskJson } from "@hanzo-fn/contract/api";
import { expect } from "vitest";
import type { TestPlatform } from "./platform.ts";

export interface AsyncCall {
  readonly body?: string | Uint8Array<ArrayBuffer> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Which port. Default that of the control plane. */
  readonly by?: "api" | "invoke" | undefined;
}

/** `invoke-async`, as it is answered. */
export function callAsync(
  platform: TestPlatform,
  name: string,
  { body = "{}", headers = {}, by = "api" }: AsyncCall = {},
): Promise<Response> {
  const send = by === "api" ? platform.fetchApi : platform.fetchInvoke;
  const init = { method: "POST", body, headers: { "content-type": "application/json", ...headers } };
  return send(`/v1/functions/${name}/invoke-async`, init);
}

/** The id of a call that is accepted. */
export async function accepted(platform: TestPlatform, name: string, call?: AsyncCall): Promise<string> {
  const answer = await callAsync(platform, name, call);
  const text = await answer.text();
  expect(answer.status, text).toBe(202);
  const { task_id: id, status } = JSON.parse(text) as TaskAcceptedJson;
  expect(status).toBe("queued");
  expect(answer.headers.get("location")).toBe(`/v1/functions/${name}/tasks/${id}`);
  return id;
}

export async function taskOf(platform: TestPlatform, id: string, query = ""): Promise<TaskJson> {
  const answer = await platform.fetchApi(`/v1/tasks/${id}${query}`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as TaskJson;
}

/** The task once it has ended. */
export async function endOf(platform: TestPlatform, id: string): Promise<TaskJson> {
  for (let task = await taskOf(platform, id, "?wait=60s"); ; task = await taskOf(platform, id, "?wait=60s")) {
    if (task.finished_at !== undefined) return task;
  }
}
