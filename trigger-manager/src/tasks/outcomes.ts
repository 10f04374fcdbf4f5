import type { Blobs } from "@hanzo-fn/blobs";
import type { Store } from "@hanzo-fn/store";
import type { Park } from "../delivery/parking.ts";
import type { Answer, SourceEvent, Succeeded } from "../delivery/source.ts";
import {
  ANSWER_BYTES,
  dataOf,
  type DestinationDependencies,
  type Destinations,
  destinationsOf,
  type Outcomes,
  toFailure,
  toSuccess,
} from "../destinations.ts";
import type { TaskEvent } from "./attempt.ts";
import type { KeptBody } from "./bodies.ts";
import type { Lane } from "./claims.ts";
import type { KeptRequest } from "./request.ts";

export interface TaskOutcomesDependencies extends DestinationDependencies {
  readonly store: Pick<Store, "functions">;
  readonly blobs: Pick<Blobs, "get">;
}

/** What the tasks of one function have to tell its destinations. */
export interface TaskOutcomes {
  readonly succeeded: Succeeded;
  readonly failed: Park;
  /** The function may have other destinations by now. */
  changed(): void;
}

async function read(
  blobs: TaskOutcomesDependencies["blobs"],
  kept: Pick<KeptBody, "inline" | "ref" | "bytes"> | undefined,
): Promise<{ readonly body: Buffer; readonly truncated: boolean }> {
  if (kept?.ref === undefined) return { body: kept?.inline ?? Buffer.alloc(0), truncated: false };
  if (kept.bytes > ANSWER_BYTES) return { body: Buffer.alloc(0), truncated: true };
  const chunks: Uint8Array[] = [];
  for await (const chunk of blobs.get(kept.ref)) chunks.push(chunk);
  return { body: Buffer.concat(chunks), truncated: false };
}

/** With the request and trace of the call that was accepted. */
function withOrigin(event: TaskEvent): SourceEvent {
  const { headers, request_id: requestId } = event.row.request as unknown as KeptRequest;
  return { ...event, headers: { ...headers, "x-request-id": requestId } };
}

export function createTaskOutcomes(
  deps: TaskOutcomesDependencies,
  { org, function: fn }: Lane,
): TaskOutcomes {
  const { store, blobs } = deps;
  let known: Promise<Destinations> | undefined;
  const destinations = async (): Promise<Destinations> => {
    known ??= store.functions.get(org, fn).then((row) => destinationsOf(row?.manifest));
    try {
      return await known;
    } catch (error) {
      known = undefined;
      throw error;
    }
  };
  const outcomesOf = (event: SourceEvent): Outcomes => {
    return { org, function: fn, trigger: { id: (event as TaskEvent).row.id, type: "async" } };
  };
  return {
    async succeeded([event], answer: Answer, signal) {
      const { onSuccess } = await destinations();
      if (event === undefined || onSuccess === undefined) return;
      const task = event as TaskEvent;
      const kept = await read(blobs, task.end?.response?.body);
      const tell = toSuccess(deps, outcomesOf(event), onSuccess);
      await tell([withOrigin(task)], { ...answer, ...kept }, signal);
    },
    async failed(letter, signal) {
      const { onFailure } = await destinations();
      if (onFailure === undefined) return;
      const task = letter.event as TaskEvent;
      // A payload that was too long for its row is too long for a message, too.
      const data = task.row.payloadRef === null ? dataOf(letter.event.body) : null;
      const told = { ...letter, event: withOrigin(task) };
      await toFailure(deps, outcomesOf(letter.event), { subject: onFailure, letter: told, data }, signal);
    },
    changed() {
      known = undefined;
    },
  };
}
