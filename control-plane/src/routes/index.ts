import type { Handlers } from "../app.ts";
import type { Control } from "../control.ts";
import { functionHandlers } from "./functions.ts";
import { invokeHandlers } from "./invoke.ts";
import { objectHandlers } from "./objects.ts";
import { observeHandlers } from "./observe.ts";
import { platformHandlers } from "./platform.ts";
import { revisionHandlers } from "./revisions.ts";
import { secretHandlers } from "./secrets.ts";
import { triggerHandlers } from "./triggers.ts";

/** The handler of every operation. */
export function createHandlers(control: Control): Handlers {
  return {
    ...functionHandlers(control),
    ...invokeHandlers(control),
    ...objectHandlers(control),
    ...observeHandlers(control),
    ...platformHandlers(control),
    ...revisionHandlers(control),
    ...secretHandlers(control),
    ...triggerHandlers(control),
  };
}
