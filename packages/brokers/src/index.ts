export type { Message, Published, Publisher } from "./publisher.ts";
