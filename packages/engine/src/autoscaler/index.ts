export {
  decide,
  isSettled,
  KNATIVE_DEFAULTS,
  startAutoscaler,
  type AutoscalerConfig,
  type AutoscalerState,
} from "./autoscaler.ts";
