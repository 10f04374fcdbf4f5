/** A durable name holds no dots, spaces or wildcards. */
const FORBIDDEN = /[^A-Za-z0-9_-]+/g;
const MAX_NAME = 128;

function clean(text: string): string {
  return text.replaceAll(FORBIDDEN, "-").slice(0, MAX_NAME);
}

export interface NameFacts {
  readonly org: string;
  readonly function: string;
  readonly subject: string;
  /** As the manifest has it; taken as written. */
  readonly consumerGroup?: string | undefined;
  /** Several organisations share this deployment, so that functions of two of them may have one name. */
  readonly severalOrgs: boolean;
}

/**
 * Names for a trigger's consumer, best first. A function's second trigger without a group of its own cannot have
 * the name of its first one, and is called after its subject as well.
 */
export function consumerNames(facts: NameFacts): readonly string[] {
  if (facts.consumerGroup !== undefined) return [facts.consumerGroup];
  const base = facts.severalOrgs ? `fn-${facts.org}-${facts.function}` : `fn-${facts.function}`;
  const subject = facts.subject.replaceAll("*", "any").replaceAll(">", "all").replaceAll(".", "_");
  return [clean(base), clean(`${base}-${subject}`)];
}
