import { type Gateway } from "./gateway.js";
import { type Kv } from "./kv.js";
import { type ModelHandle } from "./models.js";
import { type Storage } from "./storage.js";
/** What a `Context` gives of the platform. */
export interface Services {
  readonly kv: Kv;
  readonly storage: Storage;
  publish(subject: string, data: unknown, options?: PublishOptions): Promise<string>;
  model(name: string): ModelHandle;
}
export interface PublishOptions {
  /** The message's id, by which the broker knows a duplicate; made where none is given. */
  readonly id?: string | undefined;
}
/** The services behind a gateway, as one call sees them. */
export declare function gatewayServices(
  gateway: Gateway,
  models: (gateway: Gateway, name: string) => ModelHandle,
): Services;
/** Services that say at every use that there is no gateway. */
export declare function noServices(): Services;
