import type { SharedBuffer } from "./gen/link.js";

/**
 * A value that goes out, as it stands in a message for {@link FrameWriter}: its JSON stays text until it is written, since a
 * small array of bytes costs more to make than the text.
 */
export class TextValue {
  readonly text: string;
  readonly tagged: boolean;
  readonly buffers: readonly Uint8Array[];
  readonly shared: readonly SharedBuffer[];

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
  }
}
