import { preinstalledRust } from "../preinstalled.ts";
import type { RustFile } from "./source.ts";

/** Names of the SDK's crate, as a manifest may spell it. */
const OURS = "hanzo[_-]functions";
/** The name of the package that a source without Cargo.toml becomes. */
export const RUST_PACKAGE = "function";

/** Name, and folder below the SDK's, of `featuresCrate`. */
export const FEATURES = "hanzo_fn_features";

const quoted = (text: string): string => JSON.stringify(text);

export interface SdkDependency {
  readonly path: string;
  /** Whether the source loads models, which takes more of the crate. */
  readonly models: boolean;
}

function sdkTable({ path, models }: SdkDependency, features: readonly string[]): string {
  const all = [...new Set([...features, ...(models ? ["model"] : [])])];
  const list = all.length === 0 ? "" : `, features = [${all.map(quoted).join(", ")}]`;
  return `{ path = ${quoted(path)}${list} }`;
}

const binTable = (name: string, path: string): string =>
  `\n[[bin]]\nname = ${quoted(name)}\npath = ${quoted(path)}\ntest = false\ndoc = false\n`;

/** Cargo.toml for a source that has none; `dependencies`: lines of pre-installed crates that it uses. */
export function generateCargoToml(
  sdk: SdkDependency,
  dependencies: ReadonlyMap<string, string>,
  bin: { readonly name: string; readonly path: string },
): string {
  const head = `[package]\nname = ${quoted(RUST_PACKAGE)}\nversion = "0.0.0"\nedition = "2021"\nautobins = false\n`;
  const lines = [...dependencies].toSorted().map(([name, spec]) => `${name} = ${spec}\n`);
  const ours = `hanzo_functions = ${sdkTable(sdk, [])}\n`;
  return `${head}\n[dependencies]\n${ours}${lines.join("")}${featuresTable(sdk)}\n[workspace]\n${binTable(bin.name, bin.path)}`;
}

/**
 * A crate of nothing that asks for the same features of the SDK's own dependencies in every build: features are united
 * over a whole build, so that what the platform has compiled fits whatever a source asks for, as long as that is less.
 */
export function featuresCrate(): string {
  const lines = [...preinstalledRust([])].map(([name, spec]) => `${name} = ${spec}\n`).join("");
  return `[package]\nname = "${FEATURES}"\nversion = "0.0.0"\nedition = "2021"\n\n[dependencies]\n${lines}`;
}

/** The table for `featuresCrate`, which lies in the SDK's folder. */
const featuresTable = ({ path }: SdkDependency): string =>
  `\n[dependencies.${FEATURES}]\npath = ${quoted(`${path}/${FEATURES}`)}\n`;

function featuresOf(text: string): string[] {
  const list = /features\s*=\s*\[([^\]]*)\]/.exec(text)?.[1] ?? "";
  return [...list.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name);
}

/**
 * The user's Cargo.toml with the platform's SDK in the place of the one that it names, or added, and with the program
 * to build. Everything else stays: profiles, features, versions.
 */
export function adaptCargoToml(
  text: string,
  sdk: SdkDependency,
  bin: { readonly name: string; readonly path: string },
): string {
  const inline = new RegExp(`^(\\s*)${OURS}\\s*=\\s*(.*)$`, "m");
  const table = new RegExp(`^\\[dependencies\\.${OURS}\\]\\s*\\n((?:(?!\\[).*\\n?)*)`, "m");
  const own = `hanzo_functions = `;
  let adapted: string;
  if (table.test(text)) {
    adapted = text.replace(table, (_, body: string) => {
      const { path, models } = sdk;
      const all = [...new Set([...featuresOf(body), ...(models ? ["model"] : [])])];
      return `[dependencies.hanzo_functions]\npath = ${quoted(path)}\nfeatures = [${all.map(quoted).join(", ")}]\n\n`;
    });
  } else if (inline.test(text)) {
    adapted = text.replace(
      inline,
      (_, space: string, value: string) => `${space}${own}${sdkTable(sdk, featuresOf(value))}`,
    );
  } else if (/^\[dependencies\]\s*(?:#.*)?$/m.test(text)) {
    adapted = text.replace(/^\[dependencies\]\s*(?:#.*)?$/m, (line) => `${line}\n${own}${sdkTable(sdk, [])}`);
  } else adapted = `${text.trimEnd()}\n\n[dependencies]\n${own}${sdkTable(sdk, [])}\n`;
  return `${adapted.trimEnd()}\n${featuresTable(sdk)}${binTable(bin.name, bin.path)}`;
}

/** Whether a manifest says itself how a profile is compiled; what the command line says would win over it. */
export function namesProfile(text: string, profile: string): boolean {
  return new RegExp(`^\\[profile\\.${profile}[.\\]]`, "m").test(text);
}

/** Whether the source loads models. */
export function usesModels(files: readonly RustFile[]): boolean {
  return files.some(({ text }) => /\.model\s*\(/.test(text));
}
