export { type Budget, type BudgetLimits, createBudget, REPLICA_BUDGET } from "./budget.ts";
export type { CallResult, Verdict } from "./classify.ts";
export {
  createDelivery,
  type Delivery,
  type DeliveryDependencies,
  type DeliveryObserver,
} from "./deliver.ts";
export { type Delivered, plainData } from "./encode.ts";
export { createInvoke, type Invoke, type InvokeDependencies, type InvokeTarget } from "./invoke.ts";
export type { ParkReason } from "./next-step.ts";
export { createPark, type DeadLetter, type DeadLetterBoxes, type Park } from "./parking.ts";
export { type DeliveryFacts, type DeliverySettings, deliverySettings, type Ordering } from "./settings.ts";
export type {
  Answer,
  Credit,
  Failure,
  Revocation,
  Settlement,
  Source,
  SourceEvent,
  Succeeded,
} from "./source.ts";
