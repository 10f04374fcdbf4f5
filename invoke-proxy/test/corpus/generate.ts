/** Writes the corpus files beside this script: `node invoke-proxy/test/corpus/generate.ts`. */
import { writeFileSync } from "node:fs";
import { corpusFiles } from "./files.ts";

for (const [name, content] of corpusFiles()) writeFileSync(new URL(name, import.meta.url), content);
