import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { LogEntryJson } from "@hanzo-fn/contract/api";
import type { Client } from "./client.ts";
import { readEvents } from "./events.ts";
import { segment } from "./words.ts";

/** A build that is over within this time has nothing to tell. */
const QUIET_MS = 300;

/** Whether a line is what a tool of the platform's build printed. */
export function isBuildLine({ stream, fields }: Pick<LogEntryJson, "stream" | "fields">): boolean {
  return stream === "platform" && fields?.["phase"] === "build";
}

/** Hands on what the tools of a revision's build print, as it comes, until the signal aborts. Never rejects. */
export async function followBuild(
  client: Client,
  name: string,
  revision: string,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let message: IncomingMessage | undefined;
  const stop = (): void => void message?.destroy();
  try {
    await sleep(QUIET_MS, undefined, { signal });
    const query = new URLSearchParams({ follow: "true", revision, limit: "1000" });
    message = await client.send(`${client.server}/v1/functions/${segment(name)}/logs?${query}`);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted || message.statusCode !== 200) return stop();
    for await (const event of readEvents(message)) {
      if (event.event !== "log") continue;
      const entry = JSON.parse(event.data) as LogEntryJson;
      if (isBuildLine(entry) && !signal.aborted) onLine(entry.msg);
    }
  } catch {
    // The build is told of without its lines.
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
