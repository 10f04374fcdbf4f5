import { formatBytes } from "@hanzo-fn/contract";
import { isPullReason, pullVerdict } from "./images.ts";
import type { ContainerStatus, Pod } from "./live.ts";
import { logsOf, type Subject, type Verdict } from "./verdict.ts";

/** Knative's own container in every pod. */
const QUEUE_PROXY = "queue-proxy";

export function userContainers({ status }: Pod): readonly ContainerStatus[] {
  return (status?.containerStatuses ?? []).filter(({ name }) => name !== QUEUE_PROXY);
}

function configVerdict(message: string): Verdict {
  const secret = /secret "([^"]+)" not found|couldn't find key (\S+) in Secret/.exec(message);
  if (secret === null) {
    return {
      code: "object_rejected",
      message: `the container cannot be set up: ${message}`,
      next: "hanzo-fn cluster check",
      final: false,
    };
  }
  const what =
    secret[2] === undefined ? `the Secret ${secret[1]} is missing` : `the secret ${secret[2]} is missing`;
  const next = "hanzo-fn secrets list";
  return { code: "missing_secret", message: `${what} in the cluster`, next, final: false };
}

/** The server's last words, where it says why the code does not load (runtimes/contract.md, section 1). */
function loadFailure(logTail: readonly string[]): string | undefined {
  const line = logTail.findLast((text) => text.includes("load failed: "));
  return line === undefined ? undefined : line.slice(line.indexOf("load failed: ") + "load failed: ".length);
}

function exitVerdict(
  container: ContainerStatus,
  subject: Subject,
  logTail: readonly string[],
): Verdict | undefined {
  const ended = container.state?.terminated ?? container.lastState?.terminated;
  const exitCode = ended?.exitCode;
  if (ended === undefined || exitCode === undefined) return undefined;
  const times = container.restartCount ?? 0;
  const again = times > 1 ? `; it was started ${times + 1} times` : "";
  if (ended.reason === "OOMKilled") {
    const limit = formatBytes(subject.memoryBytes);
    const message = `an instance needed more than its ${limit} of memory${again}`;
    return {
      code: "out_of_memory",
      message,
      next: "raise resources.memory in function.yaml and deploy again",
      final: true,
    };
  }
  const next = logsOf(subject);
  const how = exitCode > 128 ? `was ended by signal ${exitCode - 128}` : `exited with code ${exitCode}`;
  const why =
    loadFailure(logTail) ?? (logTail.length === 0 ? "" : logTail.slice(-3).join(" | ").slice(0, 600));
  const words = why === "" ? "" : `: ${why}`;
  if (subject.proven)
    return { code: "crash_loop", message: `an instance ${how}${again}${words}`, next, final: false };
  return {
    code: "load_failed",
    message: `the code ${how} before it was ready${again}${words}`,
    next,
    final: true,
  };
}

/** What keeps one pod's containers from being ready; undefined where nothing does, or nothing is known. */
export function containerVerdict(
  pod: Pod,
  subject: Subject,
  logTail: readonly string[],
): Verdict | undefined {
  if (pod.status?.reason === "Evicted") {
    const why = pod.status.message ?? "the node is short of something";
    const next = "write less to /tmp, or add a node";
    return { code: "instance_killed", message: `an instance was evicted: ${why}`, next, final: false };
  }
  for (const container of userContainers(pod)) {
    const waiting = container.state?.waiting;
    const message = waiting?.message ?? "";
    if (isPullReason(waiting?.reason)) {
      return pullVerdict(waiting?.reason, message, waiting?.reason !== "ErrImagePull");
    }
    if (waiting?.reason === "CreateContainerConfigError") return configVerdict(message);
    if (/^(CreateContainerError|RunContainerError|StartError)$/.test(waiting?.reason ?? "")) {
      return {
        code: "object_rejected",
        message: `the container does not start: ${message}`,
        next: "hanzo-fn cluster check",
        final: false,
      };
    }
    const exit = container.ready === true ? undefined : exitVerdict(container, subject, logTail);
    if (exit !== undefined) return exit;
  }
  return undefined;
}
