import {
  DEFAULT_MAX_DEPTH,
  isPlain,
  readTags,
  TAG,
  type TaggedLeaf,
  ValueWriter,
  type WriteOptions,
} from "../../values/mod.ts";
import { TextValue } from "./text_value.ts";
import { Value } from "./values.ts";

/** Values that are encoded one by one, to be sent as one list. */
export class ValueList {
  readonly #texts: string[] = [];
  readonly #buffers: Uint8Array[] = [];
  #tagged = false;
  #bytes = 0;

  get length(): number {
    return this.#texts.length;
  }

  /** The characters of the texts and the bytes of the buffers, which bound the memory it takes. */
  get weight(): number {
    return this.#bytes;
  }

  /**
   * Encodes a value and adds it. Its buffers are copied, since a producer may fill the same buffer
   * again for the next value.
   *
   * @throws {SnakedenError} Like {@link Value.from}.
   */
  add(value: unknown, options: WriteOptions): void {
    if (isPlain(value, options.maxDepth ?? DEFAULT_MAX_DEPTH)) {
      return this.#push(JSON.stringify(value));
    }
    if (value instanceof Value) return this.#addValue(value);
    const first = this.#buffers.length;
    const writer = new ValueWriter(options, this.#buffers);
    let text: string;
    try {
      text = JSON.stringify(writer.write(value));
    } catch (error) {
      this.#buffers.length = first;
      throw error;
    }
    this.#tagged = true;
    for (let i = first; i < this.#buffers.length; i++) {
      this.#buffers[i] = new Uint8Array(this.#buffers[i] ?? []);
      this.#bytes += this.#buffers[i]?.byteLength ?? 0;
    }
    this.#push(text);
  }

  /** Returns the list. */
  asList(): Value {
    return new Value(new TextValue(`[${this.#texts.join(",")}]`, this.#tagged, this.#buffers));
  }

  /** Returns an object with the list in the field `name`, and with further fields. */
  inObject(name: string, fields: Readonly<Record<string, unknown>>): Value {
    const rest = JSON.stringify(fields).slice(1);
    const comma = rest === "}" ? "" : ",";
    const text = `{${JSON.stringify(name)}:[${this.#texts.join(",")}]${comma}${rest}`;
    return new Value(new TextValue(text, this.#tagged, this.#buffers));
  }

  /** Adds a value that is encoded already. */
  #addValue(value: Value): void {
    const { tagged, buffers } = value.content;
    const text = value.text;
    if (!tagged) return this.#push(text);
    this.#tagged = true;
    const first = this.#buffers.length;
    for (const buffer of buffers) {
      this.#buffers.push(new Uint8Array(buffer));
      this.#bytes += buffer.byteLength;
    }
    this.#push(
      first === 0 || buffers.length === 0 ? text : JSON.stringify(moved(JSON.parse(text), first)),
    );
  }

  #push(text: string): void {
    this.#texts.push(text);
    this.#bytes += text.length;
  }
}

/** Returns a tree whose tags refer to buffers that stand `by` places further on. */
function moved(tree: unknown, by: number): unknown {
  const move = (leaf: TaggedLeaf): TaggedLeaf => ({ ...leaf, buffer: Number(leaf.buffer) + by });
  return readTags(tree, {
    int: (value) => ({ [TAG]: "int", value }),
    float: (value) => ({ [TAG]: "float", value }),
    bytes: move,
    array: move,
    object: (value) => ({ [TAG]: "object", value }),
  });
}
