import { isRecord } from "../../json/mod.ts";
import type { WrongField } from "./failure.ts";

/** The kind of a field of an answer. */
export type FieldKind = keyof typeof KINDS;

/** The fields that an answer must have, and their kinds. */
export type AnswerFields = Readonly<Record<string, FieldKind>>;

const isText = (value: unknown): boolean => typeof value === "string";

const KINDS = {
  anything: { allowed: "any value", fits: (): boolean => true },
  text: { allowed: "a text", fits: isText },
  flag: { allowed: "true or false", fits: (value: unknown): boolean => typeof value === "boolean" },
  number: { allowed: "a number", fits: (value: unknown): boolean => typeof value === "number" },
  object: { allowed: "an object", fits: isRecord },
  objects: {
    allowed: "a list of objects",
    fits: (value: unknown): boolean => Array.isArray(value) && value.every(isRecord),
  },
  texts: {
    allowed: "a list of texts",
    fits: (value: unknown): boolean => Array.isArray(value) && value.every(isText),
  },
} as const;

/** Returns the first field of an answer that is missing, or of another kind. */
export function wrongField(
  answer: Readonly<Record<string, unknown>>,
  fields: AnswerFields,
): WrongField | undefined {
  for (const [name, kind] of Object.entries(fields)) {
    const { allowed, fits } = KINDS[kind];
    const given = Object.hasOwn(answer, name) ? "of another kind" : "missing";
    if (given === "missing" || !fits(answer[name])) {
      return { name, message: `${given}; allowed: ${allowed}` };
    }
  }
  return undefined;
}
