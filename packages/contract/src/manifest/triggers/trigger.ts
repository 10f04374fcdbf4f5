import type { z } from "zod";
import type { Trigger, TriggerType } from "../types.ts";

/** One kind of trigger: its schema, how it is stored, printed and recognised again. */
export interface TriggerKind<T extends Trigger = Trigger> {
  readonly type: TriggerType;
  readonly description: string;
  readonly schema: () => z.ZodObject;
  /** From the parsed fields to the stored form. */
  read(fields: Record<string, unknown>): T;
  /** Back to the fields of `function.yaml`, defaults included. */
  print(trigger: T): Record<string, unknown>;
  /** The part of a trigger that stays the same across redeploys (reordering keeps positions). */
  sourceKey(trigger: T, functionName: string): string;
}
