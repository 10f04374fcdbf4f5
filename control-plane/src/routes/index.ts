import type { Handlers } from "../app.ts";
import type { Control } from "../control.ts";
import { deadLetterHandlers } from "./dead-letters.ts";
import { functionHandlers } from "./functions.ts";
import { invokeHandlers } from "./invoke.ts";
import { objectHandlers } from "./objects.ts";
import { observeHandlers } from "./observe.ts";
import { platformHandlers } from "./platform.ts";
import { publishHandlers } from "./publish.ts";
import { revisionHandlers } from "./revisions.ts";
import { secretHandlers } from "./secrets.ts";
import { taskHandlers } from "./tasks.ts";
import { triggerHandlers } from "./triggers.ts";

/** The handler of every operation. */
export function createHandlers(control: Control): Handlers {
  return {
    ...deadLetterHandlers(control),
    ...functionHandlers(control),
    ...invokeHandlers(control),
    ...objectHandlers(control),
    ...observeHandlers(control),
    ...platformHandlers(control),
    ...publishHandlers(control),
    ...revisionHandlers(control),
    ...secretHandlers(control),
    ...taskHandlers(control),
    ...triggerHandlers(control),
  };
}
