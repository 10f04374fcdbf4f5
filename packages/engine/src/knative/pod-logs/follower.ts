import type { LogSink } from "@hanzo-fn/contract";
import {
  createFloodGate,
  createLineSplitter,
  DEFAULT_LOG_LIMITS,
  MAX_LINE_BYTES,
  parseLogLine,
  type InstanceLine,
} from "@hanzo-fn/instance";
import type { Kubernetes, PodLogsQuery } from "@hanzo-fn/kubernetes";
import { backoffDelay, type Clock } from "@hanzo-fn/lifecycle";
import { CONTAINER } from "../container.ts";
import { logTimeMs, ReadMark, timedLine } from "./resume.ts";
import type { ContainerLog, LogSubject } from "./subject.ts";

export interface FollowerDeps {
  readonly kubernetes: Pick<Kubernetes, "podLogs">;
  readonly sink: LogSink;
  readonly clock: Clock;
  /** When the last line of this instance that is kept was written, in epoch ms; of one that an earlier platform followed. */
  readonly lastLineMs?: ((subject: LogSubject) => Promise<number | undefined>) | undefined;
  readonly onFailure: (subject: LogSubject, error: unknown) => void;
}

/** What the cluster says of the container now; undefined once the pod is gone. */
export type LookAtContainer = () => ContainerLog | undefined;

const BACKOFF = { initialMs: 250, factor: 2, maxMs: 10_000 };
/** A failure is worth a line when it is no passing one. */
const WORTH_TELLING = 4;
/** The time and the space before a line. */
const TIME_BYTES = 64;

interface Reader {
  read(more: Partial<PodLogsQuery>, signal: AbortSignal): Promise<boolean>;
}

/** Hands lines that are new to the sink, however often the log is opened. `read` resolves with whether there were any. */
function createReader(deps: FollowerDeps, subject: LogSubject, afterMs: number | undefined): Reader {
  const { kubernetes, sink, clock } = deps;
  const { org, function: functionName, revision, instance, namespace, pod } = subject;
  const mark = new ReadMark();
  let skipping = afterMs !== undefined;
  let news = false;

  const append = (line: InstanceLine): void =>
    sink.append({ ...line, org, function: functionName, revision, instance });
  const gate = createFloodGate(append, { clock, limits: DEFAULT_LOG_LIMITS });
  const onLine = (text: string, cut: boolean, bytes: number): void => {
    const timed = timedLine(text);
    if (timed === undefined || !mark.take(timed.time)) return;
    // Standard output and standard error come as one.
    const line = parseLogLine(timed.text, "stdout", cut, logTimeMs(timed.time));
    if (skipping && line.tsMs <= (afterMs ?? 0)) return;
    skipping = false;
    news = true;
    if (gate.admits(bytes)) append(line);
  };

  return {
    async read(more, signal) {
      mark.reopen();
      news = false;
      const splitter = createLineSplitter(MAX_LINE_BYTES + TIME_BYTES, onLine);
      const sinceTime = mark.since ?? (afterMs === undefined ? undefined : new Date(afterMs));
      const query = { namespace, pod, container: CONTAINER, timestamps: true, sinceTime, ...more };
      try {
        for await (const chunk of kubernetes.podLogs(query, signal)) splitter.push(chunk);
        splitter.end();
      } finally {
        // A line that was cut off comes again, whole.
        gate.close();
      }
      return news;
    },
  };
}

/**
 * Follows the log of one pod's container through restarts of the container, of the API server and of connections. Resolves
 * when the pod is gone or the signal aborts.
 */
export async function followPod(
  deps: FollowerDeps,
  subject: LogSubject,
  look: LookAtContainer,
  signal: AbortSignal,
): Promise<void> {
  const { clock, onFailure } = deps;
  const pause = (ms: number): Promise<void> => clock.sleep(ms, signal).catch(() => undefined);
  const afterMs = await deps.lastLineMs?.(subject).catch(() => undefined);
  const reader = createReader(deps, subject, afterMs);
  let opened: number | undefined;

  for (let quiet = 0; !signal.aborted;) {
    const container = look();
    if (container === undefined) return;
    try {
      if (opened !== undefined && container.restarts > opened) {
        // Its end may have been written while nobody was listening.
        await reader.read({ previous: true }, signal);
      }
      opened = container.restarts;
      const news = await reader.read({ follow: true }, signal);
      quiet = news ? 0 : quiet + 1;
      if (container.ended) return;
    } catch (error) {
      if (signal.aborted) return;
      quiet += 1;
      if (quiet === WORTH_TELLING) onFailure(subject, error);
    }
    await pause(backoffDelay(BACKOFF, quiet));
  }
}
