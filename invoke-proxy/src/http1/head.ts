/** The strict head parser: pure functions over bytes, no I/O. See the docstrings behind each name. */
export type { BodyFraming } from "./framing.ts";
export { NO_BODY } from "./framing.ts";
export type { HeadLimits } from "./head-end.ts";
export { parseRequestHead, type RequestHead } from "./request-head.ts";
export { parseResponseHead, type ResponseContext, type ResponseHead } from "./response-head.ts";
