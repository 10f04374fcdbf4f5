import { PlatformError } from "@hanzo-fn/contract";
import { refused } from "./check-message.ts";
import type { Connected } from "./nats-connection.ts";
import { refusal } from "./nats-connection.ts";
import { subjectMatches } from "./nats-subject.ts";

/** Codes of JetStream's API. */
const TOO_LARGE = new Set([10_054]);
const FULL = new Set([10_023, 10_047, 10_076, 10_077]);

export interface Where {
  readonly stream: string;
  readonly subject: string;
}

/** A final error, or the same one where another attempt may help. */
export async function explain(error: unknown, connected: Connected, where: Where): Promise<unknown> {
  if (!(error instanceof Error) || error instanceof PlatformError) return error;
  const { code } = error as { code?: unknown };
  if (error.message.includes("max_payload") || TOO_LARGE.has(code as number)) return tooLarge(error, where);
  if (FULL.has(code as number)) return full(error, where);
  if (isForbidden(error)) return forbidden(error, where.subject);
  if (isUnheard(error)) return await explainUnheard(error, connected, where);
  return refusal(error) ?? error;
}

function tooLarge(error: Error, { subject }: Where): PlatformError {
  return new PlatformError(
    "payload_too_large",
    `the message for ${subject} is larger than NATS takes: ${error.message}`,
    { component: "brokers", cause: error },
  );
}

function full(error: Error, { stream, subject }: Where): PlatformError {
  return new PlatformError(
    "storage_full",
    `the stream ${stream} has no room for ${subject}: ${error.message}`,
    { component: "brokers", cause: error, next: "Consume its messages, or raise the stream's limits." },
  );
}

const causeName = (error: Error): string => (error.cause instanceof Error ? error.cause.name : error.name);

const isForbidden = (error: Error): boolean => causeName(error) === "PermissionViolationError";

/** Nobody listens on the subject, which JetStream would do for a stream that takes it. */
const isUnheard = (error: Error): boolean =>
  error.name === "JetStreamNotEnabled" ||
  causeName(error) === "NoRespondersError" ||
  /no responders/.test(error.message);

function forbidden(error: Error, subject: string): PlatformError {
  return new PlatformError("unavailable", `our NATS user may not publish to ${subject}`, {
    component: "brokers",
    cause: error,
    next: `Allow it to publish to ${subject} and to subscribe to _INBOX.>.`,
  });
}

async function explainUnheard(error: Error, connected: Connected, where: Where): Promise<unknown> {
  const { stream, subject } = where;
  const missing = (why: string, next: string) =>
    new PlatformError("unavailable", `nothing keeps messages of ${subject}: ${why}`, {
      component: "brokers",
      cause: error,
      next,
    });
  const create = `Create it, for example: nats stream add ${stream} --subjects 'mq.>' --retention work --storage file --defaults`;
  if (connected.connection.info?.jetstream !== true) {
    return missing("JetStream is not enabled on the NATS server", "Start nats-server with JetStream (-js).");
  }
  try {
    const { config } = await connected.manager.streams.info(stream);
    if (config.subjects.some((pattern) => subjectMatches(pattern, subject))) return error;
    return refused(
      `the stream ${stream} takes ${config.subjects.join(", ")}, not ${subject}`,
      "Publish to one of its subjects, or add this one to the stream.",
    );
  } catch (asked) {
    if (!(asked instanceof Error)) return error;
    if (asked.name === "StreamNotFoundError") return missing(`there is no stream ${stream}`, create);
    if (isForbidden(asked)) {
      const why = `no stream takes it, and our NATS user may not ask about the stream ${stream}`;
      return missing(why, `Allow it to publish to $JS.API.STREAM.INFO.${stream}. ${create}`);
    }
    return error;
  }
}
