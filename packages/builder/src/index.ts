export { linkProblem, parentsOf, pathProblem } from "./source-tree.ts";
export { tarEntries, type TarEntry } from "./tar-entries.ts";
export { unpackSource } from "./unpack.ts";
