import type { StoredVariable, VariableInfo } from "../../sessions/mod.ts";
import type { Traffic } from "../calls/mod.ts";
import { lengthOf } from "../http/mod.ts";
import { encodedJson } from "../schema/mod.ts";

const encoder = new TextEncoder();

/** Returns the JSON of a variable in parts. Never writes a large value on the event loop. */
export async function variableParts(
  { info, encoded }: StoredVariable | { readonly info: VariableInfo; readonly encoded?: never },
  { traffic, signal }: { readonly traffic: Traffic; readonly signal: AbortSignal },
): Promise<Uint8Array[]> {
  const text = JSON.stringify(info);
  if (encoded === undefined) return [encoder.encode(text)];
  const head = `${text.slice(0, -1)},"value":`;
  if (!traffic.isLarge(encoded)) return [encoder.encode(`${head}${encoded.jsonText()}}`)];
  const { json } = (await traffic.inline(encoded, signal)).wire;
  return [encoder.encode(head), json, encoder.encode("}")];
}

/** Returns the parts of a JSON list. */
export function listParts(items: readonly (readonly Uint8Array[])[]): Uint8Array[] {
  const comma = encoder.encode(",");
  const inner = items.flatMap((parts, i) => i === 0 ? parts : [comma, ...parts]);
  return [encoder.encode("["), ...inner, encoder.encode("]")];
}

/** Returns the parts of a JSON object. */
export function objectParts(
  fields: Readonly<Record<string, readonly Uint8Array[] | undefined>>,
): Uint8Array[] {
  const entries = Object.entries(fields).flatMap(([key, parts]) =>
    parts === undefined ? [] : [[encoder.encode(`${JSON.stringify(key)}:`), ...parts]]
  );
  const comma = encoder.encode(",");
  const inner = entries.flatMap((parts, i) => i === 0 ? parts : [comma, ...parts]);
  return [encoder.encode("{"), ...inner, encoder.encode("}")];
}

/** Returns the JSON of a value in one part. */
export function jsonParts(value: unknown): Uint8Array[] {
  return [encoder.encode(JSON.stringify(value))];
}

/** Returns a response whose JSON is sent as its reader reads it. */
export function answer<T>(
  parts: readonly Uint8Array[],
  traffic: Traffic,
  headers: Readonly<Record<string, string>> = {},
): ReturnType<typeof encodedJson<T>> {
  const length = String(lengthOf(parts));
  return encodedJson<T>(traffic.answers.body(parts), { ...headers, "content-length": length });
}
