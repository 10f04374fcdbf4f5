import type { ErrorDetail } from "@hanzo-fn/contract";

type Json = Record<string, unknown>;

/** What npm gets to see of a source: the dependencies and their lock, nothing else. */
export interface NodeManifest {
  readonly packageJson: string;
  /** `package-lock.json`; undefined: npm chooses the versions. */
  readonly lock: string | undefined;
  readonly npmrc: string | undefined;
  readonly problems: readonly ErrorDetail[];
  readonly empty: boolean;
}

/** Served by the runtime; no registry is asked for it. */
const OURS = "@hanzo/functions";
const LOCAL = /^(?:file|link|workspace|portal):|^[./~]/;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parse(file: string, text: string, problems: ErrorDetail[]): Json {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
    problems.push({ path: file, rule: "the file must hold a JSON object" });
  } catch (error) {
    problems.push({ path: file, rule: `the file must be JSON: ${(error as Error).message.slice(0, 200)}` });
  }
  return {};
}

function dependencies(value: unknown, field: string, problems: ErrorDetail[]): Json {
  const entries = isObject(value) ? Object.entries(value).filter(([name]) => name !== OURS) : [];
  for (const [name, version] of entries) {
    if (typeof version === "string" && !LOCAL.test(version)) continue;
    const rule = "a dependency must be a version from a registry; ship local code in the source";
    problems.push({ path: `package.json: ${field}.${name}`, rule });
  }
  return Object.fromEntries(entries);
}

function withoutOurs(entry: Json): Json {
  const copy = { ...entry };
  for (const field of ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"]) {
    const value = copy[field];
    if (isObject(value))
      copy[field] = Object.fromEntries(Object.entries(value).filter(([name]) => name !== OURS));
  }
  return copy;
}

/** The lock without our SDK; entries that point into the file system are refused. */
function cleanLock(text: string, problems: ErrorDetail[]): string {
  const lock = parse("package-lock.json", text, problems);
  const packages = isObject(lock["packages"]) ? lock["packages"] : {};
  const kept: Json = {};
  for (const [path, entry] of Object.entries(packages)) {
    if (!isObject(entry) || path === `node_modules/${OURS}`) continue;
    const { resolved } = entry;
    if (entry["link"] === true || (typeof resolved === "string" && LOCAL.test(resolved))) {
      problems.push({ path: `package-lock.json: ${path}`, rule: "local packages are not supported" });
    }
    kept[path] = path === "" ? withoutOurs(entry) : entry;
  }
  const { dependencies: _old, ...rest } = lock;
  return JSON.stringify({ ...rest, packages: kept });
}

/** Registries and their tokens; other settings could run programs or read files. */
function cleanNpmrc(text: string | undefined): string | undefined {
  const lines = (text ?? "")
    .split(/\r?\n/)
    .filter((line) =>
      /^(?:@[\w.-]+:)?registry\s*=\s*https?:|^\/\/[^\s=]+:(?:_authToken|_auth|username|_password)\s*=/.test(
        line,
      ),
    );
  return lines.length === 0 ? undefined : `${lines.join("\n")}\n`;
}

export function readNodeManifest(files: {
  readonly packageJson: string;
  readonly lock: string | undefined;
  readonly npmrc: string | undefined;
}): NodeManifest {
  const problems: ErrorDetail[] = [];
  const manifest = parse("package.json", files.packageJson, problems);
  const required = dependencies(manifest["dependencies"], "dependencies", problems);
  const optional = dependencies(manifest["optionalDependencies"], "optionalDependencies", problems);
  const development = isObject(manifest["devDependencies"]) ? manifest["devDependencies"] : {};
  const empty = Object.keys(required).length + Object.keys(optional).length === 0;
  const kept = {
    name: "function",
    version: "0.0.0",
    private: true,
    dependencies: required,
    optionalDependencies: optional,
    // `npm ci` compares them with the lock although it leaves them out.
    ...(files.lock === undefined ? {} : withoutOurs({ devDependencies: development })),
    ...(isObject(manifest["overrides"]) ? { overrides: manifest["overrides"] } : {}),
  };
  return {
    packageJson: JSON.stringify(kept),
    lock: files.lock === undefined || empty ? undefined : cleanLock(files.lock, problems),
    npmrc: cleanNpmrc(files.npmrc),
    problems: empty ? problems.filter(({ path }) => !path?.startsWith("package-lock.json")) : problems,
    empty,
  };
}

/** Packages that a manifest made by `readNodeManifest` installs. */
export function dependencyNames(packageJson: string | undefined): ReadonlySet<string> {
  const { dependencies: required, optionalDependencies: optional } = JSON.parse(packageJson ?? "{}") as Json;
  return new Set([required, optional].flatMap((map) => (isObject(map) ? Object.keys(map) : [])));
}
