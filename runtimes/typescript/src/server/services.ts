import { noGateway } from "../gateway/gateway.ts";
import { createHttpGateway, type CallIdentity } from "../gateway/http-gateway.ts";
import { createModels } from "../gateway/models.ts";
import { gatewayServices, type Services } from "../gateway/services.ts";
import type { Assignment } from "./settings.ts";

/** What the platform gives this function's calls. Connections and models are shared by all of them. */
export function servicesOf(
  assignment: Pick<Assignment, "gateway" | "models" | "source">,
): (call: CallIdentity) => Services {
  const { gateway, models: directory, source } = assignment;
  const models = createModels({
    directory,
    // Read at the first use: few functions have a model.
    load: async (path, name) => (await import("../model/model.ts")).loadModel(path, name, source),
  });
  if (gateway === undefined) return () => gatewayServices(noGateway, models);
  const connect = createHttpGateway(gateway);
  return (call) => gatewayServices(connect(call), models);
}
