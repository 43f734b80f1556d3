import { TextValue } from "./text_value.ts";
import { Value } from "./values.ts";

/**
 * The arguments of the items of a bulk call, in the form in which link.proto sends them: one list,
 * in which the worker finds each item without reading the others.
 */
export class ItemList {
  readonly #texts: string[] = [];
  readonly #buffers: Uint8Array[] = [];
  /** The items that have tags, by index. */
  readonly taggedItems: number[] = [];
  /** The number of buffers of each of these. */
  readonly itemBuffers: number[] = [];

  /** The number of items. */
  get length(): number {
    return this.#texts.length;
  }

  /**
   * Adds an item: the JSON text of an object without tags, or an encoded value, whose buffers are
   * not copied. Nothing is parsed. The worker refuses an item that is no JSON, and no other.
   */
  add(item: string | Value): void {
    if (typeof item === "string") return this.#push(item);
    const { content: { tagged, buffers }, text } = item;
    if (tagged) {
      this.taggedItems.push(this.length);
      this.itemBuffers.push(buffers.length);
      this.#buffers.push(...buffers);
    }
    this.#push(text);
  }

  /** The list as one value. */
  get value(): Value {
    const text = `[${this.#texts.join(",\n")}]`;
    return new Value(new TextValue(text, this.taggedItems.length > 0, this.#buffers));
  }

  #push(text: string): void {
    // The separator has a newline. A carriage return is allowed and refused in the same places.
    this.#texts.push(text.includes("\n") ? text.replaceAll("\n", "\r") : text);
  }
}
