/** What a model says no with. */
export type ModelErrorCode = "unsupported_model" | "unsafe_model" | "unsupported_audio" | "missing_library";

/** A model cannot do what it was asked for. */
export class ModelError extends Error {
  override readonly name = "ModelError";
  readonly code: ModelErrorCode;
  constructor(code: ModelErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
