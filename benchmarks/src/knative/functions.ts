import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServeProcess } from "../serve-process.ts";

export const LANGUAGES = ["typescript", "python"] as const;
export type Language = (typeof LANGUAGES)[number];

export const nameOf = (language: Language, i: number): string => `bench-${language}-${i}`;

/** What a function answers: which code it is, and when that was loaded, in ms since the epoch. */
export interface Answer {
  readonly version: string;
  readonly loaded: number;
}

const SOURCES: Readonly<Record<Language, { readonly file: string; text(version: string): string }>> = {
  typescript: {
    file: "handler.ts",
    text: (version) =>
      `const loaded = Date.now();\nexport const handle = () => ({ version: "${version}", loaded });\n`,
  },
  python: {
    file: "handler.py",
    text: (version) =>
      `import time\n\nLOADED = time.time() * 1000\n\n\ndef handle(ctx):\n    return {"version": "${version}", "loaded": LOADED}\n`,
  },
};

/**
 * Pods keep what they request for 30 s after they were told to end, while Knative's proxy drains: with the default request
 * pods of earlier calls would fill a node of two cores, and the next one would wait for the scheduler.
 */
const CPU = "50m";

function manifest(name: string, language: Language): string {
  return `name: ${name}
runtime: ${language}
version: 1.0.0
entry: handler.handle
resources:
  cpu: ${CPU}
scaling:
  min_instances: 0
  scale_down_delay: 0s
triggers:
  - type: http
    path: /v1/functions/${name}
    methods: [GET]
`;
}

/** `hanzo-fn deploy` of the i-th function with another constant; gives `phases_ms` of the revision. */
export async function deploy(
  platform: ServeProcess,
  home: string,
  [language, i, version]: readonly [Language, number, string],
): Promise<Readonly<Record<string, number>>> {
  const name = nameOf(language, i);
  const folder = join(home, "functions", name);
  const { file, text } = SOURCES[language];
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "function.yaml"), manifest(name, language));
  await writeFile(join(folder, file), text(version));
  const output = await platform.cli("deploy", "--source", folder, "-o", "json");
  const { revision } = JSON.parse(output) as { revision: { phases_ms: Record<string, number> } };
  return revision.phases_ms;
}
