import { createHash } from "node:crypto";
import type { Blobs } from "@hanzo-fn/blobs";
import { type AcceptTask, parseRevision, PlatformError, type TaskCall, ulid } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { KeylessTask, NewTask, TaskQueries, TaskSubmission } from "@hanzo-fn/store";
import { createGroupCommit, type GroupLimits } from "../group-commit.ts";
import { createPace } from "../pace.ts";
import { bodyKey, keepBody, type KeptBody } from "./bodies.ts";
import { keptRequest, type TaskWishes, taskWishes } from "./request.ts";
import type { TaskSettings } from "./settings.ts";

export interface IntakeDependencies {
  readonly tasks: Pick<TaskQueries, "submit" | "add">;
  readonly blobs: Blobs;
  readonly clock: Clock;
  /** The numbers of the revisions that may be called; undefined where there is no such function. */
  readonly revisions: (org: string, functionName: string) => readonly number[] | undefined;
  /** Tasks of the function that wait, as far as it is known. */
  readonly queued: (org: string, functionName: string) => number;
  /** A task was added to those that wait. */
  readonly onAccepted: (org: string, functionName: string) => void;
}

export interface IntakeOptions extends TaskSettings {
  /** Callbacks may go to addresses of this machine and of closed networks. */
  readonly allowPrivate: boolean;
}

const COMPONENT = "tasks";
const RETRY_AFTER_S = 10;
/** Under load. */
const ADD_EVERY_MS = 3;
/** Bodies of up to 256 KiB are part of it. */
const ADD_AT_ONCE: GroupLimits<KeylessTask> = {
  items: 200,
  size: { bytes: 4 * 1024 * 1024, of: ({ payload }) => payload?.length ?? 0 },
};

function pinned(call: TaskCall, wishes: TaskWishes, revisions: readonly number[]): number | undefined {
  const { revision } = wishes;
  if (revision === undefined) return undefined;
  const about = { component: COMPONENT, function: call.function };
  if (!call.mayPin) {
    throw new PlatformError("forbidden", "choosing a revision needs the permission functions:deploy", about);
  }
  const number = parseRevision(call.function, revision);
  if (number !== undefined && revisions.includes(number)) return number;
  throw new PlatformError("not_found", `${JSON.stringify(revision)} is no revision of ${call.function}`, {
    ...about,
    next: `hanzo-fn revisions ${call.function}`,
  });
}

/** Of all that makes two requests with one idempotency key the same; headers of the transport aside. */
function requestHash(call: TaskCall, wishes: TaskWishes, body: KeptBody, contentType: string): string {
  const parts = [
    call.query,
    contentType,
    wishes.revision ?? "",
    wishes.callback?.url ?? "",
    wishes.expiresInMs ?? "",
    body.digest,
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/**
 * The one way in for asynchronous calls, from :8060 and :8061. It throws `not_found`, `forbidden`, `bad_request`,
 * `conflict` (the idempotency key stands for another request), `payload_too_large`, `rate_limited` (too many wait), and
 * what the store throws.
 */
export function createTaskIntake(deps: IntakeDependencies, options: IntakeOptions): AcceptTask {
  const { tasks, blobs, clock, revisions, queued, onAccepted } = deps;
  const known = (call: TaskCall): readonly number[] => {
    const found = revisions(call.org, call.function);
    if (found === undefined) {
      throw new PlatformError("not_found", `function ${call.function} does not exist`, {
        component: COMPONENT,
        function: call.function,
        next: "hanzo-fn list",
      });
    }
    if (queued(call.org, call.function) >= options.maxQueued) {
      const message = `${options.maxQueued} asynchronous calls of ${call.function} wait already`;
      throw new PlatformError("rate_limited", message, {
        component: COMPONENT,
        function: call.function,
        next: "try again when some of them are done, or cancel some",
        retryAfterSeconds: RETRY_AFTER_S,
      });
    }
    return found;
  };
  const addAll = async (batch: readonly KeylessTask[]): Promise<readonly KeylessTask[]> => {
    await tasks.add(batch);
    return batch;
  };
  const add = createGroupCommit(addAll, ADD_AT_ONCE, createPace(clock, ADD_EVERY_MS));
  const submit = async (task: NewTask): Promise<TaskSubmission> => {
    if (task.idempotency !== undefined) return tasks.submit(task);
    await add([task]);
    return { accepted: "new", id: task.id };
  };
  const discard = async ({ ref }: KeptBody): Promise<void> => {
    // What is left behind is garbage that is collected later.
    if (ref !== undefined) await blobs.delete(ref).catch(() => {});
  };
  return async (call, signal) => {
    const found = known(call);
    const wishes = taskWishes(call.headers, options);
    const revision = pinned(call, wishes, found);
    const id = `task_${ulid(clock.now())}`;
    const { org, function: functionName } = call;
    const body = await keepBody(blobs, call.body, {
      key: bodyKey(org, id, "payload"),
      maxBytes: options.maxPayloadBytes,
      what: "the body",
      signal,
    });
    const request = keptRequest(call);
    const { idempotencyKey: key } = wishes;
    const hash = requestHash(call, wishes, body, request.headers["content-type"] ?? "");
    const submission = await submit({
      ...{ id, org, function: functionName, revision, request },
      payload: body.inline,
      payloadRef: body.ref,
      callback: wishes.callback,
      expiresInMs: wishes.expiresInMs ?? options.expiresInMs,
      idempotency: key === undefined ? undefined : { key, requestHash: hash, keepMs: options.retentionMs },
    });
    switch (submission.accepted) {
      case "new":
        onAccepted(org, functionName);
        return { id };
      case "same":
        await discard(body);
        return { id: submission.id };
      case "conflict":
        await discard(body);
        throw new PlatformError("conflict", "this Idempotency-Key stands for another request", {
          component: COMPONENT,
          function: functionName,
          next: `use another key; this one stands for ${submission.id}, with its query, type, body and wishes`,
        });
    }
  };
}
