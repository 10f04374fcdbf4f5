import { statusOf, type Kubernetes } from "@hanzo-fn/kubernetes";
import { parseLogLine } from "@hanzo-fn/instance";
import { type Clock, withDeadline } from "@hanzo-fn/lifecycle";
import type { RevisionRef } from "../../engine.ts";
import { CONTAINER } from "../container.ts";
import type { PodObject } from "./kinds.ts";

/** The last lines of a revision's container that ended, oldest first. */
export interface LogTails {
  of(revisionKey: string): readonly string[];
  /** Reads what ended since the last time; resolves also where it cannot be read. */
  read(ref: RevisionRef, pods: readonly PodObject[], signal: AbortSignal): Promise<void>;
  forget(revisionKey: string): void;
}

export interface LogTailsDependencies {
  readonly kubernetes: Pick<Kubernetes, "podLogs">;
  readonly clock: Clock;
  readonly log: { debug(msg: string, fields?: object): void };
}

const LINES = 20;
const LIMIT_BYTES = 64 * 1024;
const LINE_LENGTH = 2000;
const DEADLINE_MS = 5000;

interface Ended {
  readonly pod: string;
  readonly namespace: string;
  /** One of them for each time that the container ended. */
  readonly id: string;
  /** The container runs again: its words are those before the last restart. */
  readonly previous: boolean;
  readonly at: number;
}

/** The container of the pods that ended last; undefined where none did. */
export function lastEnd(pods: readonly PodObject[]): Ended | undefined {
  const ended = pods.flatMap(({ metadata, status }): Ended[] => {
    const container = status?.containerStatuses?.find(({ name }) => name === CONTAINER);
    const now = container?.state?.terminated;
    const end = now ?? container?.lastState?.terminated;
    if (end === undefined || metadata.namespace === undefined) return [];
    const at = Date.parse(end.finishedAt ?? metadata.creationTimestamp ?? "");
    const id = `${metadata.uid ?? metadata.name}/${end.finishedAt ?? container?.restartCount ?? 0}`;
    return [{ pod: metadata.name, namespace: metadata.namespace, id, previous: now === undefined, at }];
  });
  return ended.toSorted((a, b) => b.at - a.at)[0];
}

export function createLogTails({ kubernetes, clock, log }: LogTailsDependencies): LogTails {
  const tails = new Map<string, { readonly id: string; readonly lines: readonly string[] }>();

  const read = async ({ pod, namespace }: Ended, previous: boolean, signal: AbortSignal): Promise<string> => {
    const chunks: Buffer[] = [];
    const query = {
      namespace,
      pod,
      container: CONTAINER,
      tailLines: LINES,
      limitBytes: LIMIT_BYTES,
      previous,
    };
    for await (const chunk of kubernetes.podLogs(query, signal)) chunks.push(chunk);
    return Buffer.concat(chunks).toString("utf8");
  };
  const text = async (ended: Ended, signal: AbortSignal): Promise<string> => {
    const content = await read(ended, ended.previous, signal);
    if (content !== "" || ended.previous) return content;
    // The first restart comes at once, and the new container has said nothing yet.
    return await read(ended, true, signal);
  };
  const keep = ({ key }: RevisionRef, { id }: Ended, content: string): void => {
    const lines = content.split("\n").filter((line) => line !== "");
    const words = lines.slice(-LINES).map((line) => parseLogLine(line, "stdout", false, clock.now()).msg);
    tails.set(key, { id, lines: words.map((text) => text.slice(0, LINE_LENGTH)) });
  };
  return {
    of: (key) => tails.get(key)?.lines ?? [],
    async read(ref, pods, signal) {
      const ended = lastEnd(pods);
      if (ended === undefined || tails.get(ref.key)?.id === ended.id) return;
      try {
        keep(ref, ended, await withDeadline(clock, DEADLINE_MS, signal, (until) => text(ended, until)));
      } catch (error) {
        if (signal.aborted) return;
        log.debug("the log of a container that ended cannot be read", { pod: ended.pod, error });
        // Gone with its container; anything else is tried at the next look.
        const code = statusOf(error)?.code;
        if (code === 404 || code === 400) tails.set(ref.key, { id: ended.id, lines: [] });
      }
    },
    forget: (key) => void tails.delete(key),
  };
}
