import type { SharedBuffer } from "../gen/link.js";
import type { InputCollector } from "../../values/mod.ts";

/**
 * A value to send, as it waits in a message for {@link FrameWriter}. Its JSON stays a string until
 * it is written, since creating a small byte array costs more than the string.
 */
export class TextValue {
  /**
   * The JSON, whole or in pieces. Pieces are written one by one, so that those of a long list are
   * not copied into one text, which would live as long as its call.
   */
  readonly json: string | readonly string[];
  readonly tagged: boolean;
  readonly buffers: readonly Uint8Array[];
  readonly shared: readonly SharedBuffer[];
  /** The total size of the buffers when the value was created. */
  readonly bufferBytes: number;
  /** The input streams that its tags refer to. */
  readonly inputs: InputCollector | undefined;

  constructor(
    json: string | readonly string[],
    tagged: boolean,
    buffers: readonly Uint8Array[],
    shared: readonly SharedBuffer[] = [],
    inputs?: InputCollector,
  ) {
    this.json = json;
    this.tagged = tagged;
    this.buffers = buffers;
    this.shared = shared;
    this.inputs = inputs;
    this.bufferBytes = buffers.length === 0 ? 0 : lengthOf(buffers);
  }

  get text(): string {
    const { json } = this;
    return typeof json === "string" ? json : json.join("");
  }

  /** The length of the text. */
  get length(): number {
    const { json } = this;
    return typeof json === "string" ? json.length : lengthOfTexts(json);
  }

  /**
   * False once a buffer was transferred or made smaller. Buffers are not copied before they are
   * sent, so their bytes are lost then.
   */
  get isWhole(): boolean {
    return this.buffers.length === 0 || lengthOf(this.buffers) === this.bufferBytes;
  }
}

function lengthOf(buffers: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const buffer of buffers) bytes += buffer.byteLength;
  return bytes;
}

/** Returns the length of texts together. */
export function lengthOfTexts(texts: readonly string[]): number {
  let length = 0;
  for (const text of texts) length += text.length;
  return length;
}
