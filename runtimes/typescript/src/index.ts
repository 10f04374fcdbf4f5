export { Context } from "./context.ts";
export type { ContextInit, Handler, Trigger } from "./context.ts";
export type { Log, LogFields } from "./log.ts";
export { RequestHeaders } from "./request-headers.ts";
export { Response } from "./response.ts";
export type { HeadersInput, Piece, ResponseOptions, ServerSentEvent, Source } from "./response.ts";
