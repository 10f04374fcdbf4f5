import { noGateway, postJson, type Gateway } from "./gateway.ts";
import { createKv, type Kv } from "./kv.ts";
import { createModels, type ModelHandle } from "./models.ts";
import { createStorage, type Storage } from "./storage.ts";

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
export function gatewayServices(
  gateway: Gateway,
  models: (gateway: Gateway, name: string) => ModelHandle,
): Services {
  return {
    kv: createKv(gateway),
    storage: createStorage(gateway),
    publish: async (subject, data, { id } = {}) => {
      const message = { subject, data, ...(id === undefined ? {} : { id }) };
      return ((await postJson(gateway, "/v1/publish", message)) as { id: string }).id;
    },
    model: (name) => models(gateway, name),
  };
}

/** Services that say at every use that there is no gateway. */
export function noServices(): Services {
  const models = createModels({
    directory: undefined,
    load: (_, name) => Promise.reject(new Error(`nothing loads the model ${name}`)),
  });
  return gatewayServices(noGateway, models);
}
