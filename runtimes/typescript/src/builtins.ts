/**
 * Node's own modules without what an `import` of them drags in: a module that imports one reads every one of its exports,
 * and some of those start the client behind `fetch`, Web streams, workers, the terminal or all of crypto. Together that
 * is 20 MB and a third of the time of a boot, for what few functions use.
 */
const { process } = globalThis;

export const fs = process.getBuiltinModule("node:fs");
export const http = process.getBuiltinModule("node:http");
export const net = process.getBuiltinModule("node:net");
export const stream = process.getBuiltinModule("node:stream");
export const { inspect } = process.getBuiltinModule("node:util");

/** Loaded at the first use. */
export const crypto = (): typeof import("node:crypto") => process.getBuiltinModule("node:crypto");
export const childProcess = (): typeof import("node:child_process") =>
  process.getBuiltinModule("node:child_process");
