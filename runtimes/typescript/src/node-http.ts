import process from "node:process";

/**
 * Node's HTTP without what an `import` of it drags in: a module that imports it reads every one of its exports, and some
 * of them start the client behind `fetch`, WebSocket, Web streams and the whole of crypto, 14 MB that few functions use.
 */
export const http = process.getBuiltinModule("node:http");
