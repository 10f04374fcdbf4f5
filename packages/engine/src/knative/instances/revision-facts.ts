import { FUNCTION_LABEL } from "../labels.ts";
import { revisionNumber } from "../names.ts";
import type { Revision } from "./kinds.ts";

/** What calls need to know of a revision in the cluster. */
export interface RevisionFacts {
  readonly namespace: string;
  readonly name: string;
  readonly function: string;
  readonly number: number;
  /** Calls that an instance takes at once; Infinity without a limit. */
  readonly concurrency: number;
  /** Knative's activator stays in the path, and queues exactly (docs/knative.md, The pod). */
  readonly exact: boolean;
  readonly gpu: boolean;
  /** As the manifest has it, for messages. */
  readonly memory: string;
}

const BURST = "autoscaling.knative.dev/target-burst-capacity";
const ORDINARY = new Set(["cpu", "memory", "ephemeral-storage"]);

/** Undefined where the object is no revision of a function. */
export function revisionFacts({ metadata, spec }: Revision): RevisionFacts | undefined {
  const { namespace, name, labels = {}, annotations = {} } = metadata;
  const functionName = labels[FUNCTION_LABEL];
  if (functionName === undefined || namespace === undefined || metadata.deletionTimestamp !== undefined) {
    return undefined;
  }
  const number = revisionNumber(functionName, name);
  if (number === undefined) return undefined;
  const concurrency = spec?.containerConcurrency ?? 0;
  const limits = spec?.containers?.[0]?.resources?.limits ?? {};
  return {
    namespace,
    name,
    function: functionName,
    number,
    concurrency: concurrency === 0 ? Infinity : concurrency,
    exact: annotations[BURST] === "-1",
    gpu: Object.keys(limits).some((resource) => !ORDINARY.has(resource)),
    memory: String(limits["memory"] ?? "limit"),
  };
}
