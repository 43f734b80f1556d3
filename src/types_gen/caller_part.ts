import type { HelperType } from "./type_text.ts";

/** The head of a generated file. */
export const HEAD = `// Written by \`deno task types\` of Snakeden; do not edit.
// deno-lint-ignore-file
// deno-fmt-ignore-file
/* eslint-disable */
`;

/** The parts of a generated file that are the same for all tools. */
export const CALLER_PART = `/** Arguments by name. */
export type Arguments = Readonly<Record<string, unknown>>;

/** The maker of the calls: \`Snakeden\`, \`SnakedenClient\` or the like. */
export interface Caller<Options extends object = object> {
  execute<T>(tool: string, args?: Arguments, options?: Options): Promise<T>;
  stream<T>(tool: string, args?: Arguments, options?: Options): Stream<T>;
}

/** The chunks of a call. \`result\` is what the tool returns after them. */
export type Stream<Chunk> = AsyncIterable<Chunk> & { readonly result: Promise<unknown> };

/**
 * The options of a call: those of the caller, with the pools that have this tool. Without
 * \`arrays\`, which would change the type of the result.
 */
export type OptionsOf<Options extends object, Pool extends string = never> =
  & Omit<Options, "arrays" | "pool">
  & { readonly pool?: Pool };
`;

/** The declarations of the helper types. */
export const HELPERS: Readonly<Record<HelperType, string>> = {
  BytesInput: `/** Bytes for a tool. */
export type BytesInput = Uint8Array | ArrayBuffer | DataView;
`,
  FileInput:
    `/** A file for a tool, by its id; as a tool has returned it, or \`{ $file: file.id }\`. */
export interface FileInput {
  readonly $file: string;
  readonly name?: string;
  readonly bytes?: number;
}
`,
  FileOutput: `/** A file that a tool has made, which can be an argument too. */
export interface FileOutput {
  readonly $file: string;
  readonly name: string;
  readonly bytes: number;
}
`,
  ArrayInput: `/** Numbers for a tool: an array, a TypedArray (one dimension), or lists. */
export type ArrayInput = ArrayOutput | Numbers;

/** Numbers in lists of any depth. */
export type Numbers = ReadonlyArray<number | bigint | boolean | Numbers>;
`,
  ArrayOutput:
    `/** An array from a tool: a TypedArray if it has one dimension, else an \`NdArray\`. */
export type ArrayOutput = TypedArray | NdArray;

/** An array of any rank, such as \`NdArray\` of Snakeden: the elements are in C order. */
export interface NdArray {
  readonly dtype:
    | "|b1" | "|i1" | "|u1" | "<i2" | "<u2" | "<i4" | "<u4" | "<i8" | "<u8"
    | "<f2" | "<f4" | "<f8" | "<c8" | "<c16";
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

export type TypedArray =
  | Int8Array | Uint8Array | Uint8ClampedArray | Int16Array | Uint16Array | Int32Array
  | Uint32Array | BigInt64Array | BigUint64Array | HalfArray | Float32Array | Float64Array;

/** \`Float16Array\`, if this TypeScript has it. */
type HalfArray = typeof globalThis extends { Float16Array: { readonly prototype: infer A } } ? A
  : never;
`,
};

/** The function that binds tools to a caller, as it is in every generated file. */
export const BIND_PART = `function bind<Options extends object>(
  caller: Caller<Options>,
  tools: readonly (readonly [name: string, streams: boolean])[],
  fixed: { readonly pool?: string },
): unknown {
  return Object.fromEntries(tools.map(([name, streams]) => [
    name,
    (args?: Arguments, options?: Options): unknown => {
      const all = { ...options, ...fixed } as Options;
      return streams ? caller.stream(name, args, all) : caller.execute(name, args, all);
    },
  ]));
}
`;

/** The names that no type of a tool may have. */
export const RESERVED: readonly string[] = [
  ...["Arguments", "Caller", "Stream", "OptionsOf", "Tools", "PythonTools", "ToolsByPool"],
  ...["FileInput", "FileOutput"],
  ...["ArrayInput", "ArrayOutput", "BytesInput", "HalfArray", "NdArray", "Numbers", "TypedArray"],
  // Globals that the file uses.
  ...["Array", "ArrayBuffer", "AsyncIterable", "BigInt64Array", "BigUint64Array", "DataView"],
  ...["Date", "Float16Array", "Float32Array", "Float64Array", "Int16Array", "Int32Array"],
  ...["Int8Array", "Iterable", "Object", "Omit", "Promise", "Readonly", "ReadonlyArray"],
  ...["ReadonlySet", "Record", "Uint16Array", "Uint32Array", "Uint8Array", "Uint8ClampedArray"],
];
