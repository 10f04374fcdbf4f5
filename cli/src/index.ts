export { sweepOnce } from "./serve/garbage.ts";
