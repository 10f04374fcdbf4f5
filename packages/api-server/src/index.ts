export { refusalResponse, routeOf } from "./answers.ts";
export { authorise, credentialsOf, requestIdOf } from "./authorise.ts";
export { readBody } from "./body.ts";
export { type ApiServer, type ApiServerOptions, createApiServer } from "./server.ts";
