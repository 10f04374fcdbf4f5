import { type NatsConnected, type NatsLink, natsRefusal } from "@hanzo-fn/brokers";
import { PlatformError } from "@hanzo-fn/contract";
import { type Clock, withDeadline } from "@hanzo-fn/lifecycle";

/** Codes of JetStream's API. */
const STREAM_MISSING = 10_059;
const CONSUMER_MISSING = 10_014;
const NO_MESSAGE = 10_037;
const CONSUMER_EXISTS = new Set([10_013, 10_105, 10_148]);
const TAKEN_ON_WORK_QUEUE = new Set([10_099, 10_100]);
const NO_STORAGE = new Set([10_023, 10_028, 10_047]);

/** Of an answer, also of one that was explained. */
function codeOf(error: unknown): number | undefined {
  const said = error instanceof PlatformError ? error.cause : error;
  const code = said instanceof Error ? (said as { readonly code?: unknown }).code : undefined;
  return typeof code === "number" ? code : undefined;
}

export const isStreamMissing = (error: unknown): boolean => codeOf(error) === STREAM_MISSING;
export const isConsumerMissing = (error: unknown): boolean => codeOf(error) === CONSUMER_MISSING;
export const isNoMessage = (error: unknown): boolean => codeOf(error) === NO_MESSAGE;
export const isConsumerThere = (error: unknown): boolean => CONSUMER_EXISTS.has(codeOf(error) ?? 0);
export const isTaken = (error: unknown): boolean => TAKEN_ON_WORK_QUEUE.has(codeOf(error) ?? 0);

export const isStorageShort = (error: unknown): boolean => NO_STORAGE.has(codeOf(error) ?? 0);
/** The server heard it and said no. */
export const isAnswer = (error: unknown): error is Error => codeOf(error) !== undefined;

function isForbidden(error: Error): boolean {
  const names = [error.name, error.cause instanceof Error ? error.cause.name : ""];
  return names.includes("PermissionViolationError");
}

const ANSWER_MS = 10_000;

/** Asks the server. Whatever goes wrong is `unavailable`, and says why. */
export type Ask = <T>(
  what: string,
  signal: AbortSignal,
  work: (link: NatsConnected) => Promise<T>,
) => Promise<T>;

function unavailable(what: string, error: unknown): PlatformError {
  const forbidden = error instanceof Error && isForbidden(error);
  const why = error instanceof Error ? error.message : String(error);
  return new PlatformError(
    "unavailable",
    forbidden ? `our NATS user may not ${what}` : `NATS could not ${what}: ${why}`,
    {
      component: "trigger-manager",
      cause: error,
      next: forbidden
        ? "Allow it to publish to $JS.API.CONSUMER.>, $JS.API.STREAM.> and $JS.ACK.>, and to subscribe to _INBOX.>."
        : "Check triggers.nats.url (NATS_URL), and that the server runs with JetStream.",
    },
  );
}

export function createAsk(link: NatsLink, clock: Clock): Ask {
  return async (what, signal, work) => {
    try {
      return await withDeadline(clock, ANSWER_MS, signal, async () => {
        const connected = await link.connected();
        await connected.whenUp();
        return connected.whileUp(() => work(connected));
      });
    } catch (error) {
      if (signal.aborted || error instanceof PlatformError) throw error;
      throw natsRefusal(error) ?? unavailable(what, error);
    }
  };
}
