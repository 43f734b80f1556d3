import { Buffer } from "node:buffer";
import { nextTurn } from "../../../async/mod.ts";
import { Value } from "../../../bridge/mod.ts";
import { ValueWriter } from "../../../values/mod.ts";
import type { Place } from "./check_json.ts";

/** The bytes of tags that are decoded in one turn of the event loop, at least one tag. */
const TURN_BYTES = 256 * 1024;
/** The bytes that take as long as a tag takes beside its bytes. */
const TAG_COST_BYTES = 1024;

/**
 * Returns JSON with tags as a value: bytes and arrays become buffers. Only the tags are parsed,
 * some in each turn of the event loop; what stands between them stays as it is.
 *
 * @param json The text, which was checked.
 * @param tags The places of the tags, in order.
 * @throws {SnakedenError} `invalid_value` for a tag that cannot be read.
 */
export async function taggedValue(
  json: Uint8Array<ArrayBuffer>,
  tags: readonly Place[],
  { maxDepth, name }: { readonly maxDepth: number; readonly name: string },
): Promise<Value> {
  const buffers: Uint8Array[] = [];
  const [decoder, encoder] = [new TextDecoder(), new TextEncoder()];
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let at = 0;
  let turnBytes = 0;
  for (const [start, end] of tags) {
    turnBytes += end - start + TAG_COST_BYTES;
    if (turnBytes > TURN_BYTES) {
      await nextTurn();
      turnBytes = 0;
    }
    const place = `${name} at byte ${start}`;
    const writer = new ValueWriter({ maxDepth, name: place, inlineTags: true }, buffers);
    const leaf: unknown = JSON.parse(decoder.decode(json.subarray(start, end)));
    parts.push(json.subarray(at, start), encoder.encode(JSON.stringify(writer.write(leaf))));
    at = end;
  }
  parts.push(json.subarray(at));
  return new Value({ json: Buffer.concat(parts), tagged: true, buffers });
}
