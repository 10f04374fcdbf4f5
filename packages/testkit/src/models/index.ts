export { filled, safetensorsBytes, type TestTensor } from "./safetensors.ts";
export { STAND_INS, type StandIn, writeStandIn } from "./stand-ins.ts";
export { tone } from "./tone.ts";
