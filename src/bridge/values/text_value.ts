import type { SharedBuffer } from "../gen/link.js";

/**
 * A value that goes out, as it stands in a message for {@link FrameWriter}: its JSON stays text
 * until it is written, since a small array of bytes costs more to make than the text.
 */
export class TextValue {
  readonly text: string;
  readonly tagged: boolean;
  readonly buffers: readonly Uint8Array[];
  readonly shared: readonly SharedBuffer[];
  /** The bytes of all buffers when the value was made. */
  readonly bufferBytes: number;

  constructor(
    text: string,
    tagged: boolean,
    buffers: readonly Uint8Array[],
    shared: readonly SharedBuffer[] = [],
  ) {
    this.text = text;
    this.tagged = tagged;
    this.buffers = buffers;
    this.shared = shared;
    this.bufferBytes = buffers.length === 0 ? 0 : lengthOf(buffers);
  }

  /**
   * False once a buffer was transferred or made smaller: buffers are not copied before they are
   * sent, and a transferred one has no bytes.
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
