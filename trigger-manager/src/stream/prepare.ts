import type { StreamOffsetQueries } from "@hanzo-fn/store";
import type { EnsuredGroup, GroupRequest, StreamBroker } from "./broker.ts";

export interface PrepareRequest extends Omit<GroupRequest, "saved"> {
  /** Undefined for a trigger that has no record yet. */
  readonly triggerId: string | undefined;
}

/** A group that is there, and what is to be remembered of it. */
export interface PreparedGroup extends EnsuredGroup {
  readonly group: string;
  readonly topic: string;
}

/**
 * Makes a trigger's group, or adopts it; before the trigger is acknowledged, and again before it is resumed, since a
 * group that nobody read for long has lost its positions.
 */
export async function ensureStreamGroup(
  deps: {
    readonly broker: Pick<StreamBroker, "ensureGroup">;
    readonly offsets: Pick<StreamOffsetQueries, "of">;
  },
  { triggerId, ...request }: PrepareRequest,
  signal: AbortSignal,
): Promise<PreparedGroup> {
  const { group, topic } = request;
  const known = triggerId === undefined ? [] : await deps.offsets.of(triggerId);
  const saved = known.filter((one) => one.topic === topic);
  return { group, topic, ...(await deps.broker.ensureGroup({ ...request, saved }, signal)) };
}

/** The store remembers where the group began, and whether it was made here. */
export async function rememberGroup(
  offsets: Pick<StreamOffsetQueries, "save" | "keepGroup">,
  triggerId: string,
  { group, topic, created, positions }: PreparedGroup,
): Promise<void> {
  await offsets.keepGroup(triggerId, { group, topic, created });
  await offsets.save(
    triggerId,
    positions.map((position) => ({ topic, ...position })),
  );
}
