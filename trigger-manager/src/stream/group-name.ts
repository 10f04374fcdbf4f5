import type { StreamTrigger } from "@hanzo-fn/contract";

export interface GroupOwner {
  readonly org: string;
  readonly function: string;
  /** More than one organisation uses the platform: functions of two may have one name. */
  readonly hasOthers: boolean;
}

/** The group of a trigger: as it is written, else `<prefix><function>`, or with the organisation where there are several. */
export function streamGroup(
  trigger: Pick<StreamTrigger, "consumerGroup">,
  owner: GroupOwner,
  /** `triggers.kafka.group_prefix` */
  prefix: string,
): string {
  if (trigger.consumerGroup !== undefined) return trigger.consumerGroup;
  return owner.hasOthers ? `${prefix}${owner.org}-${owner.function}` : `${prefix}${owner.function}`;
}
