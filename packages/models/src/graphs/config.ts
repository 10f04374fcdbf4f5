/** A model's config.json, read field by field; throws `RangeError` naming the field. */
export interface ModelConfig {
  /** A positive whole number that must be there. */
  size(name: string): number;
  number(name: string, fallback: number): number;
  text(name: string, fallback: string): string;
}

export function modelConfig(json: Readonly<Record<string, unknown>>): ModelConfig {
  return {
    size(name) {
      const value = json[name];
      if (typeof value === "number" && Number.isSafeInteger(value) && value > 0 && value < 1e7) return value;
      throw new RangeError(`config.json: ${name} is no positive whole number`);
    },
    number(name, fallback) {
      const value = json[name] ?? fallback;
      if (typeof value === "number" && Number.isFinite(value)) return value;
      throw new RangeError(`config.json: ${name} is no number`);
    },
    text(name, fallback) {
      const value = json[name] ?? fallback;
      if (typeof value === "string") return value;
      throw new RangeError(`config.json: ${name} is no text`);
    },
  };
}
