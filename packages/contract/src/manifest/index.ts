export { toCanonicalJson, toCanonicalYaml } from "./canonical.ts";
export { canonicalJson, manifestIdentity, revisionFields, revisionIdentity } from "./identity.ts";
export { MAX_MANIFEST_BYTES, parseManifest, type ManifestOptions, type ManifestResult } from "./parse.ts";
export { isReservedVariable, type RuntimeLimits } from "./rules.ts";
export { manifestSchema, MAX_TIMEOUT_MS } from "./schema.ts";
export { isTriggerType, TRIGGER_KINDS, triggerKey } from "./triggers/index.ts";
export {
  type CalendarSchedule,
  type IntervalSchedule,
  isTimeZone,
  parseSchedule,
  type Schedule,
} from "./triggers/cron-schedule.ts";
export {
  EVENT_FIELDS,
  type EventCondition,
  type EventField,
  type EventFilter,
  type EventValue,
} from "./triggers/event-filter.ts";
export * from "./types.ts";
export { manifestJsonSchema, type JsonSchema } from "./json-schema.ts";
