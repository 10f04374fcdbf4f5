/**
 * The packages that the standard says are there (HIP-60, Runtime Specification), one pinned version each. They take
 * part in a function that imports one without naming a version of its own.
 */
const GO: Readonly<Record<string, string>> = {
  "github.com/yalue/onnxruntime_go": "v1.27.0",
};

/** Modules of the table that the import paths need: module -> version. */
export function preinstalledGo(imports: ReadonlySet<string>): ReadonlyMap<string, string> {
  const needs = (module: string): boolean =>
    [...imports].some((path) => path === module || path.startsWith(`${module}/`));
  return new Map(Object.entries(GO).filter(([module]) => needs(module)));
}
