import { TextValue } from "./text_value.ts";
import { Value } from "./values.ts";

/**
 * The arguments of the items of a bulk call, in the form in which link.proto sends them: one list,
 * in which the worker finds each item without reading the others.
 */
export class ItemList {
  /** The items, each behind what separates it from the one before. */
  readonly #pieces: string[] = [];
  readonly #buffers: Uint8Array[] = [];
  /** The items that have tags, by index. */
  readonly taggedItems: number[] = [];
  /** The number of buffers of each of these. */
  readonly itemBuffers: number[] = [];

  /** The number of items. */
  get length(): number {
    return this.#pieces.length / 2;
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

  /** The list as one value, to which nothing more is added. */
  get value(): Value {
    const json = this.length === 0 ? "[]" : [...this.#pieces, "]"];
    return new Value(new TextValue(json, this.taggedItems.length > 0, this.#buffers));
  }

  #push(text: string): void {
    // The separator has a newline. A carriage return is allowed and refused in the same places.
    this.#pieces.push(
      this.length === 0 ? "[" : ",\n",
      text.includes("\n") ? text.replaceAll("\n", "\r") : text,
    );
  }
}
