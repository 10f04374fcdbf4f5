export { linkProblem, parentsOf, pathProblem } from "./source-tree.ts";
export { unpackSource } from "./unpack.ts";
