import { Buffer } from "node:buffer";
import { TurnBudget } from "../../async/mod.ts";
import { TextValue } from "./text_value.ts";
import { MAX_LEAF_CHARS, type RawBytes, rawLeaf, Value } from "./values.ts";

const TAGGED = 1;
/** The length of the longest short text: it fits into one byte. */
const SHORT_CHARS = 255;

/** The number of bytes copied in one turn of the event loop. */
const SLICE_BYTES = 4 * 1024 * 1024;

/** Returns the length of a value as it is stored. */
export function frameBytes({ content }: Value): number {
  const json = content instanceof TextValue
    ? Buffer.byteLength(content.text)
    : content.json.byteLength;
  let bytes = 5 + json;
  for (const { byteLength } of content.buffers) bytes += 4 + byteLength;
  return bytes;
}

/** Returns true if {@link writeFrame} would hold up the event loop for frames of so many bytes. */
export function isLargeFrame(bytes: number): boolean {
  return bytes > SLICE_BYTES;
}

/**
 * Writes a value as it is stored: a byte that is 1 if the JSON has tags, the length of the JSON,
 * the JSON, then each buffer after its length. Lengths are 32 bits, little-endian.
 */
export function writeFrame(value: Value): Uint8Array<ArrayBuffer> {
  const { content } = value;
  return content instanceof TextValue && content.text.length <= SHORT_CHARS &&
      content.buffers.length === 0
    ? writeShort(content) ?? writeParts(value)
    : writeParts(value);
}

/** Writes a short text without the detour of an encoder; undefined if it is not ASCII. */
function writeShort({ text, tagged }: TextValue): Uint8Array<ArrayBuffer> | undefined {
  const frame = new Uint8Array(5 + text.length);
  frame[0] = tagged ? TAGGED : 0;
  // The length is at most SHORT_CHARS, so its other bytes are 0.
  frame[1] = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return undefined;
    frame[5 + i] = code;
  }
  return frame;
}

function writeParts(value: Value): Uint8Array<ArrayBuffer> {
  const frame = emptyFrame(value);
  for (const { offset, bytes } of partsOf(value, frame)) frame.set(bytes, offset);
  return frame;
}

/** Writes frames as {@link writeFrame} does, in slices with turns of the event loop in between. */
export class LargeFrames {
  readonly #budget = new TurnBudget(SLICE_BYTES);

  async write(value: Value): Promise<Uint8Array<ArrayBuffer>> {
    const frame = emptyFrame(value);
    for (const { offset, bytes } of partsOf(value, frame)) {
      for (let start = 0; start < bytes.byteLength; start += SLICE_BYTES) {
        const slice = bytes.subarray(start, start + SLICE_BYTES);
        await this.#budget.take(slice.byteLength);
        frame.set(slice, offset + start);
      }
    }
    return frame;
  }
}

function emptyFrame(value: Value): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(frameBytes(value));
  frame[0] = value.content.tagged ? TAGGED : 0;
  return frame;
}

interface Part {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Writes the lengths of the parts, and returns their places. */
function partsOf(value: Value, frame: Uint8Array): Part[] {
  const { json, buffers } = value.wire;
  const view = new DataView(frame.buffer, frame.byteOffset);
  let end = 1;
  return [json, ...buffers].map((bytes) => {
    view.setUint32(end, bytes.byteLength, true);
    const offset = end + 4;
    end = offset + bytes.byteLength;
    return { offset, bytes };
  });
}

/**
 * Reads a stored value. It shows the bytes of the frame; decoding copies them.
 *
 * @throws {RangeError} If the bytes are no stored value.
 */
export function readFrame(frame: Uint8Array): Value {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const parts: Uint8Array[] = [];
  for (let offset = 1; offset < frame.byteLength;) {
    const length = view.getUint32(offset, true);
    offset += 4;
    if (offset + length > frame.byteLength) throw new RangeError("a part of it is missing");
    parts.push(frame.subarray(offset, offset + length));
    offset += length;
  }
  const [json, ...buffers] = parts;
  if (json === undefined) throw new RangeError("it is empty");
  return new Value({ json, tagged: frame[0] === TAGGED, buffers });
}

/** The bytes at the start of a frame that {@link frameLayout} needs. */
export const FRAME_HEAD_BYTES: number = 5 + MAX_LEAF_CHARS + 4;

/** The places of the parts of a frame, for those who do not want the whole in memory. */
export interface FrameLayout {
  /** The JSON, if that is the whole value: it has no tags, and may be passed on as it is. */
  readonly json?: FramePart;
  /** The bytes of a value that is bytes or an array, as {@link Value.raw} has them. */
  readonly raw?: FramePart & Omit<RawBytes, "bytes">;
}

/** A part of a frame: from `start` to before `end`. */
export interface FramePart {
  readonly start: number;
  readonly end: number;
}

/**
 * Returns the layout of a frame of `total` bytes, of which `head` is the start.
 *
 * @throws {RangeError} If the bytes are no stored value.
 */
export function frameLayout(head: Uint8Array, total: number): FrameLayout {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const start = 5;
  const end = start + view.getUint32(1, true);
  if (end > total) throw new RangeError("a part of it is missing");
  if (head[0] !== TAGGED) return { json: { start, end } };
  if (end + 4 > head.byteLength) return {};
  const raw = { start: end + 4, end: end + 4 + view.getUint32(end, true) };
  // Further buffers follow, or the frame is broken.
  if (raw.end !== total) return {};
  const text = new TextDecoder().decode(head.subarray(start, end));
  const leaf = rawLeaf(text, raw.end - raw.start);
  return leaf === undefined ? {} : { raw: { ...raw, ...leaf } };
}
