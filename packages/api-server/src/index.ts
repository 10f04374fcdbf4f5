export { authorise, credentialsOf, requestIdOf } from "./authorise.ts";
export { type ApiServer, type ApiServerOptions, createApiServer } from "./server.ts";
