/** What became of one item of a batch. */
export type ItemOutcome =
  | { readonly status: "succeeded"; readonly output?: unknown }
  | {
      readonly status: "failed";
      /** `transient` is tried again, `permanent` is not; any other word is the function's own. */
      readonly kind: string;
      readonly message: string;
    };

/** What a function's answer says of the batch it was given. */
export type BatchOutcome =
  | { readonly status: "succeeded" }
  /** The batch counts as one failure, whatever became of single items. */
  | { readonly status: "failed"; readonly reason: string }
  /** One outcome for every id, in the order of the ids. */
  | { readonly status: "partial"; readonly items: ReadonlyMap<string, ItemOutcome> };

export interface BatchOutcomeOptions {
  /** `partial_response: true` of the trigger; always so for udf and pipeline calls. */
  readonly partial: boolean;
}

class Malformed extends Error {}

/**
 * Reads the answer to a batch (runtimes/contract.md, section 8).
 * @param status of the answer
 * @param body its bytes or their text
 * @param ids of the items that were sent, each once
 */
export function readBatchOutcome(
  status: number,
  body: string | Uint8Array,
  ids: readonly string[],
  { partial }: BatchOutcomeOptions,
): BatchOutcome {
  if (status < 200 || status > 299) return { status: "failed", reason: `the function answered ${status}` };
  if (!partial) return { status: "succeeded" };
  try {
    return read(parse(body), new Set(ids));
  } catch (error) {
    if (error instanceof Malformed) return { status: "failed", reason: error.message };
    throw error;
  }
}

function parse(body: string | Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(
      typeof body === "string" ? body : new TextDecoder("utf-8", { fatal: true }).decode(body),
    );
  } catch {
    throw new Malformed("the answer is no JSON");
  }
  return record(value, "the answer");
}

function read(answer: Readonly<Record<string, unknown>>, ids: ReadonlySet<string>): BatchOutcome {
  const results = Object.hasOwn(answer, "results");
  const failures = Object.hasOwn(answer, "batchItemFailures");
  if (results === failures) throw new Malformed('the answer has either "results" or "batchItemFailures"');
  return results ? fromResults(answer["results"], ids) : fromFailures(answer["batchItemFailures"], ids);
}

const MISSING: ItemOutcome = {
  status: "failed",
  kind: "transient",
  message: "the answer does not name the item",
};

function fromResults(results: unknown, ids: ReadonlySet<string>): BatchOutcome {
  if (!Array.isArray(results)) throw new Malformed('"results" is a list');
  const given = new Map<string, ItemOutcome>();
  for (const one of results) {
    const result = record(one, "a result");
    given.set(takeId(result["id"], ids, given), outcomeOf(result));
  }
  return { status: "partial", items: new Map([...ids].map((id) => [id, given.get(id) ?? MISSING])) };
}

function outcomeOf(result: Readonly<Record<string, unknown>>): ItemOutcome {
  const { output, error } = result;
  if (error === undefined || error === null)
    return output === undefined ? { status: "succeeded" } : { status: "succeeded", output };
  if (output !== undefined && output !== null)
    throw new Malformed("a result has either an output or an error");
  const { kind, message } = record(error, "an error");
  if (typeof kind !== "string" || kind === "") throw new Malformed('an error has a "kind"');
  return { status: "failed", kind, message: typeof message === "string" ? message : "" };
}

function fromFailures(failures: unknown, ids: ReadonlySet<string>): BatchOutcome {
  if (failures === null) return { status: "succeeded" };
  if (!Array.isArray(failures)) throw new Malformed('"batchItemFailures" is a list');
  if (failures.length === 0) return { status: "succeeded" };
  const failed = new Map<string, ItemOutcome>();
  for (const one of failures) {
    const id = takeId(record(one, "a failure")["itemIdentifier"], ids, failed);
    failed.set(id, { status: "failed", kind: "transient", message: "the function named the item as failed" });
  }
  const succeeded: ItemOutcome = { status: "succeeded" };
  return { status: "partial", items: new Map([...ids].map((id) => [id, failed.get(id) ?? succeeded])) };
}

function takeId(id: unknown, ids: ReadonlySet<string>, seen: ReadonlyMap<string, unknown>): string {
  if (typeof id !== "string" || !ids.has(id))
    throw new Malformed(`${JSON.stringify(id)} is no id of the batch`);
  if (seen.has(id)) throw new Malformed(`the id "${id}" is there twice`);
  return id;
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Malformed(`${what} is a JSON object`);
  return value as Readonly<Record<string, unknown>>;
}
