import type { EventCondition, EventFilter, EventValue, InferenceTrigger } from "@hanzo-fn/contract";
import type { UsageEvent } from "./usage-event.ts";

export type EventTest = (event: UsageEvent) => boolean;
type ValueTest = (value: EventValue) => boolean;

const every =
  <T>(tests: readonly ((value: T) => boolean)[]) =>
  (value: T): boolean =>
    tests.every((test) => test(value));

/** Undefined where nothing but the field's presence is asked for. */
function testOfValue(is: EventCondition): ValueTest | undefined {
  const tests: ValueTest[] = [];
  const { eq, in: among, prefix, gt, gte, lt, lte } = is;
  if (eq !== undefined) tests.push((value) => value === eq);
  if (among !== undefined) {
    const set = new Set(among);
    tests.push((value) => set.has(value));
  }
  if (prefix !== undefined) tests.push((value) => (value as string).startsWith(prefix));
  if (gt !== undefined) tests.push((value) => (value as number) > gt);
  if (gte !== undefined) tests.push((value) => (value as number) >= gte);
  if (lt !== undefined) tests.push((value) => (value as number) < lt);
  if (lte !== undefined) tests.push((value) => (value as number) <= lte);
  return tests.length > 1 ? every(tests) : tests[0];
}

/** A tree of conditions as one function: what can be decided before an event comes is decided here. */
export function compileFilter(filter: EventFilter): EventTest {
  if ("and" in filter) return every(filter.and.map(compileFilter));
  if ("or" in filter) {
    const tests = filter.or.map(compileFilter);
    return (event) => tests.some((test) => test(event));
  }
  if ("not" in filter) {
    const test = compileFilter(filter.not);
    return (event) => !test(event);
  }
  const { field, is } = filter;
  const test = testOfValue(is);
  return ({ fields }) => {
    const value = fields.get(field);
    if (value === undefined) return is.exists === false && test === undefined;
    return is.exists !== false && (test === undefined || test(value));
  };
}

/** All that a trigger asks of an event, but for its organisation and its models. */
export function compileTrigger({ eventTypes, minTokens, filter }: InferenceTrigger): EventTest {
  const wanted: EventFilter[] = [];
  if (eventTypes !== undefined) wanted.push({ field: "event_type", is: { in: eventTypes } });
  if (minTokens !== undefined) wanted.push({ field: "total_tokens", is: { gte: minTokens } });
  if (filter !== undefined) wanted.push(filter);
  return compileFilter({ and: wanted });
}
