import { buffer } from "node:stream/consumers";
import { PlatformError } from "@hanzo-fn/contract";
import type {
  DeadLetterChoice,
  deadLetterListQuerySchema,
  PurgeJson,
  RedriveJson,
} from "@hanzo-fn/contract/api";
import type { DeadLetterFilter, DeadLetterRow } from "@hanzo-fn/store";
import type { z } from "zod";
import { type Call, type Handlers, jsonResponse } from "../app.ts";
import type { Control } from "../control.ts";
import { pageOf } from "../page.ts";
import { deadLetterDetailJson, deadLetterJson } from "../present-events.ts";

type Own = "listDeadLetters" | "getDeadLetter" | "redriveDeadLetters" | "purgeDeadLetters";

const AT_ONCE = 1000;

async function list({ store }: Control, call: Call): Promise<Response> {
  const query = call.query as z.infer<typeof deadLetterListQuerySchema>;
  const { function: fn, trigger: triggerId, reason, redriven, limit, after } = query;
  const filter = { org: call.org, function: fn, triggerId, reason, redriven };
  const rows = await store.deadLetters.list({ filter, after, limit: limit + 1 });
  const { shown, following } = pageOf(rows, limit, ({ id }) => id);
  return jsonResponse({ dead_letters: shown.map(deadLetterJson), ...following });
}

async function get({ store, blobs }: Control, call: Call): Promise<Response> {
  const id = call.params["id"] as string;
  const row = await store.deadLetters.get(call.org, id);
  if (row === undefined) {
    throw new PlatformError("not_found", `dead letter ${id} does not exist`, {
      component: "control-plane",
      next: "hanzo-fn dead-letters list",
    });
  }
  return jsonResponse(deadLetterDetailJson(row, row.payload ?? (await readPayload(blobs, row))));
}

/** Undefined where the blob is gone: the rest of the letter is worth a look all the same. */
async function readPayload(
  blobs: Control["blobs"],
  { payloadRef }: DeadLetterRow,
): Promise<Buffer | undefined> {
  try {
    return await buffer(blobs.get(payloadRef as string));
  } catch (error) {
    if (error instanceof PlatformError && error.code === "not_found") return undefined;
    throw error;
  }
}

function filterOf({ org, body }: Call): { readonly filter: DeadLetterFilter; readonly isDry: boolean } {
  const { ids, function: fn, trigger: triggerId, reason, dry_run: isDry = false } = body as DeadLetterChoice;
  return { filter: { org, ids, function: fn, triggerId, reason }, isDry };
}

/** Each by itself: one that cannot be redriven does not keep the others from it. */
async function redriveAll(
  { triggers, log }: Control,
  letters: readonly DeadLetterRow[],
): Promise<Pick<RedriveJson, "redriven" | "failed">> {
  const redriven: RedriveJson["redriven"] = [];
  const failed: RedriveJson["failed"] = [];
  for (const letter of letters) {
    const { id } = letter;
    try {
      redriven.push({ id, event: await triggers.redrive(letter) });
    } catch (error) {
      const known = error instanceof PlatformError ? error : undefined;
      if (known?.fault !== "user") log.error("a dead letter was not redriven", { error, letter: id });
      failed.push({
        id,
        error: known?.code ?? "internal",
        msg: known?.message ?? "it failed in the platform",
        ...(known?.next !== undefined && { next: known.next }),
      });
    }
  }
  return { redriven, failed };
}

async function redrive(control: Control, call: Call): Promise<Response> {
  const { filter, isDry } = filterOf(call);
  const page = { filter: { ...filter, redriven: false }, limit: AT_ONCE + 1 };
  const rows = await control.store.deadLetters.list(page);
  // Oldest first, in the order in which they were given up.
  const letters = rows.slice(0, AT_ONCE).reverse();
  const done = isDry ? { redriven: [], failed: [] } : await redriveAll(control, letters);
  return jsonResponse({
    matched: letters.length,
    ...done,
    ids: isDry ? letters.map(({ id }) => id) : [],
    more: rows.length > AT_ONCE,
  } satisfies RedriveJson);
}

async function purge({ store }: Control, call: Call): Promise<Response> {
  const { filter, isDry } = filterOf(call);
  const matched = isDry ? await store.deadLetters.count(filter) : await store.deadLetters.purge(filter);
  return jsonResponse({ matched, purged: isDry ? 0 : matched } satisfies PurgeJson);
}

export function deadLetterHandlers(control: Control): Pick<Handlers, Own> {
  return {
    listDeadLetters: (call) => list(control, call),
    getDeadLetter: (call) => get(control, call),
    redriveDeadLetters: (call) => redrive(control, call),
    purgeDeadLetters: (call) => purge(control, call),
  };
}
