import { SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import type { EncodedValue } from "../shapes/mod.ts";
import { hasLongNumber, parseExactJson } from "./exact_json.ts";
import { decodeTree } from "./tree.ts";

/** A value in an answer, which stays text until somebody reads it. */
export class ReceivedValue implements EncodedValue {
  readonly #text: string;
  readonly #field: string | undefined;

  /** @param field The field of the text that holds the value; without it, the text is the value. */
  constructor(text: string, field?: string) {
    this.#text = text;
    this.#field = field;
  }

  /** Returns the value, decoded. Each call returns a copy. */
  decode(): unknown {
    try {
      return this.#field === undefined
        ? decodeTree(parseExactJson(this.#text))
        : decodeFields(this.#text, [this.#field])[this.#field];
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new SnakedenError("unexpected_answer", `A value is not JSON: ${error.message}`);
    }
  }
}

/**
 * Parses an object of JSON, and decodes the values of these fields. The others are plain JSON.
 *
 * @throws {SyntaxError} If the text is not JSON.
 */
export function decodeFields(text: string, names: readonly string[]): Record<string, unknown> {
  const exact = parseExactJson(text) as Record<string, unknown>;
  // It may come from anybody; whoever asked for it refuses what is no object.
  if (!isRecord(exact)) return exact;
  const fields = hasLongNumber(text) ? JSON.parse(text) as Record<string, unknown> : exact;
  for (const name of names) {
    if (Object.hasOwn(exact, name)) fields[name] = decodeTree(exact[name]);
  }
  return fields;
}
