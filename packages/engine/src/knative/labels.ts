import { orgLabel } from "./names.ts";

/** HIP-60, Network Policies selects pods by it; at a start the reconciler lists everything that has it. */
export const MANAGED_BY = { "app.kubernetes.io/managed-by": "hanzo-functions" } as const;
export const MANAGED_BY_SELECTOR = "app.kubernetes.io/managed-by=hanzo-functions";

const OWN = "functions.hanzo.ai";
export const FUNCTION_LABEL = `${OWN}/function`;
export const REVISION_LABEL = `${OWN}/revision`;
export const ORG_LABEL = `${OWN}/org`;
/** The organisation word for word, where the label may hold a hash. */
export const ORG_ANNOTATION = `${OWN}/organisation`;
export const VERSION_ANNOTATION = `${OWN}/version`;
export const SOURCE_ANNOTATION = `${OWN}/source`;
/** RFC 3339: when the values in a function's Secret last changed. */
export const CHANGED_ANNOTATION = `${OWN}/changed-at`;

export function organisationLabels(org: string): Record<string, string> {
  return { ...MANAGED_BY, [ORG_LABEL]: orgLabel(org) };
}

export function functionLabels(org: string, functionName: string): Record<string, string> {
  return { ...organisationLabels(org), [FUNCTION_LABEL]: functionName };
}
