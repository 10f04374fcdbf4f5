import type { Blobs } from "@hanzo-fn/blobs";
import { PlatformError } from "@hanzo-fn/contract";
import { abortable } from "@hanzo-fn/lifecycle";
import type { DeadLetterRow, Store } from "@hanzo-fn/store";

/** A dead letter with its payload, wherever that lay. */
export type LetterToRedrive = DeadLetterRow & { readonly payload: Buffer };

export function redriveRefused({ id, function: fn }: DeadLetterRow, why: string): PlatformError {
  return new PlatformError("conflict", `dead letter ${id} ${why}`, {
    component: "trigger-manager",
    function: fn,
    next: `hanzo-fn dead-letters show ${id}`,
  });
}

/**
 * The letter as `TriggerKind.redrive` takes it. Throws `conflict` where it was redriven before or its payload is gone
 * from the blob store, `unavailable` where the store cannot be read now.
 */
export async function letterToRedrive(
  blobs: Pick<Blobs, "get">,
  letter: DeadLetterRow,
  signal: AbortSignal,
): Promise<LetterToRedrive> {
  if (letter.redrivenAt !== null) throw redriveRefused(letter, "was redriven before");
  if (letter.payload !== null) return { ...letter, payload: letter.payload };
  try {
    // Of payload and reference the row has one.
    const payload = await abortable(read(blobs, letter.payloadRef as string, signal), signal);
    return { ...letter, payload };
  } catch (error) {
    if (!(error instanceof PlatformError) || error.code !== "not_found") throw unreadable(letter, error);
    throw redriveRefused(letter, "cannot be redriven: its payload is not in the blob store");
  }
}

async function read(blobs: Pick<Blobs, "get">, key: string, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of blobs.get(key)) {
    signal.throwIfAborted();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** What a file system says names paths of the platform's own: it is for the log. */
function unreadable({ id, function: fn }: DeadLetterRow, cause: unknown): PlatformError {
  const why = cause instanceof PlatformError ? `: ${cause.message}` : "";
  const message = `dead letter ${id} was not redriven: its payload cannot be read from the blob store${why}`;
  return new PlatformError("unavailable", message, {
    cause,
    component: "trigger-manager",
    function: fn,
    next: `hanzo-fn dead-letters redrive ${id} once the blob store answers`,
  });
}

/**
 * `TriggerKind.redrive` where the new event is a message.
 * @param publish the new event's id; where it rejects the letter stays as it was
 */
export async function redriveOnce(
  deadLetters: Pick<Store["deadLetters"], "markRedriven">,
  letter: LetterToRedrive,
  publish: () => Promise<string>,
): Promise<string> {
  const eventId = await publish();
  if (await deadLetters.markRedriven(letter.org, letter.id, eventId)) return eventId;
  throw redriveRefused(letter, "was redriven before");
}
