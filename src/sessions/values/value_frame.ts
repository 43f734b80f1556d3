import { TextValue, Value } from "../../bridge/mod.ts";

const TAGGED = 1;
/** The length of the longest short text: it fits into one byte. */
const SHORT_CHARS = 255;

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
  const { json, tagged, buffers } = value.wire;
  const parts = [json, ...buffers];
  const frame = new Uint8Array(parts.reduce((sum, it) => sum + 4 + it.byteLength, 1));
  const view = new DataView(frame.buffer);
  frame[0] = tagged ? TAGGED : 0;
  let offset = 1;
  for (const part of parts) {
    view.setUint32(offset, part.byteLength, true);
    frame.set(part, offset + 4);
    offset += 4 + part.byteLength;
  }
  return frame;
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
