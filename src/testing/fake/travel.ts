import {
  byteLengthOf,
  hasTypedArray,
  isDType,
  isShape,
  malformedTag,
  NdArray,
  readTags,
  type TaggedLeaf,
  ValueWriter,
  viewElements,
} from "../../values/mod.ts";

/**
 * Returns a value as the other side would get it: a copy, in which a Map is an object and a large
 * number a bigint.
 *
 * @param name The name of the value in error texts.
 * @throws {SnakedenError} `invalid_value` for a value that cannot be sent; the text names its path.
 */
export function travelled(value: unknown, name: string): unknown {
  const writer = new ValueWriter({ name });
  const tree: unknown = JSON.parse(JSON.stringify(writer.write(value)));
  const bytesOf = (leaf: TaggedLeaf): Uint8Array<ArrayBuffer> => {
    const bytes = writer.buffers[Number(leaf.buffer)];
    if (bytes === undefined) throw malformedTag(leaf);
    return new Uint8Array(bytes);
  };
  return readTags(tree, {
    int: BigInt,
    float: Number,
    bytes: bytesOf,
    array: (leaf) => {
      const { dtype, shape } = leaf;
      const bytes = bytesOf(leaf);
      const isArray = isDType(dtype) && isShape(shape);
      if (!isArray || bytes.byteLength !== byteLengthOf(dtype, shape)) throw malformedTag(leaf);
      const data = viewElements(dtype, bytes);
      return shape.length === 1 && hasTypedArray(dtype) ? data : new NdArray(dtype, shape, data);
    },
    object: (fields) => fields,
  });
}

/**
 * Returns arguments as a tool would get them. An argument that is an input stream (an asynchronous
 * iterable, or a generator) becomes an iterator, whose items are copied one by one.
 */
export function travelledArgs(args: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const inputs = Object.entries(args).flatMap(([name, value]) =>
    isInput(value) ? [[name, itemsOf(value, `args.${name}`)] as const] : []
  );
  const names = inputs.map(([name]) => name);
  const rest = Object.fromEntries(Object.entries(args).filter(([name]) => !names.includes(name)));
  const copies = travelled(rest, "args") as Record<string, unknown>;
  return inputs.length === 0 ? copies : { ...copies, ...Object.fromEntries(inputs) };
}

type Input = AsyncIterable<unknown> | Iterable<unknown>;

function isInput(value: unknown): value is Input {
  if (typeof value !== "object" || value === null) return false;
  return Symbol.asyncIterator in value || (Symbol.iterator in value && "next" in value);
}

async function* itemsOf(input: Input, name: string): AsyncGenerator<unknown, void, undefined> {
  let index = 0;
  for await (const item of input) yield travelled(item, `${name}[${index++}]`);
}
