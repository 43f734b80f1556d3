import { Value } from "../../bridge/mod.ts";
import { parseExact } from "../../json/mod.ts";
import {
  BEGINNING,
  type FileBytes,
  type Format,
  openItems,
  type Place,
  type TypesOf,
} from "./inputs/mod.ts";

/** An item that is to run. */
export interface BatchItem {
  /** Its place among all items of the batch, from 0. */
  readonly index: number;
  /** The place from which a file is read again; that of an inline item is its index. */
  readonly place: Place;
  /** The arguments; undefined for an item that cannot be read. */
  readonly args: string | Value | undefined;
  /** The reason why it cannot be read. */
  readonly problem?: string | undefined;
  /** About the bytes that it takes in memory. */
  readonly weight: number;
}

/** The items of a batch, in order. */
export interface ItemFeed extends AsyncDisposable {
  /** The number of all items, as soon as it is known. */
  readonly total: number | undefined;
  /** The part of the inputs that was read, from 0 to 1. */
  readonly readPart: number;
  /** The index and the place of the item behind those that were read. */
  readonly next: number;
  readonly place: Place;
  /** Returns further items; undefined at the end. */
  read(): Promise<readonly BatchItem[] | undefined>;
}

/** The form of the arguments of an item. */
export interface ItemArgs {
  /** The parameter that gets the item; undefined for items that are objects of arguments. */
  readonly input: string | undefined;
  /** Arguments of every item. */
  readonly common: Value | undefined;
}

/** Inline items that are read at once. */
const ITEMS_AT_ONCE = 256;

/** The items of a list. */
export class InlineFeed implements ItemFeed {
  readonly #items: readonly unknown[];
  readonly #args: ItemArgs;
  readonly #maxDepth: number;
  #next: number;

  constructor(
    items: readonly unknown[],
    { from, args, maxDepth }: {
      readonly from: number;
      readonly args: ItemArgs;
      readonly maxDepth: number;
    },
  ) {
    this.#items = items;
    this.#args = args;
    this.#maxDepth = maxDepth;
    this.#next = from;
  }

  get total(): number {
    return this.#items.length;
  }

  get readPart(): number {
    return this.total === 0 ? 1 : this.#next / this.total;
  }

  get next(): number {
    return this.#next;
  }

  get place(): Place {
    return { ...BEGINNING, skip: this.#next };
  }

  read(): Promise<readonly BatchItem[] | undefined> {
    const first = this.#next;
    const items = this.#items.slice(first, first + ITEMS_AT_ONCE);
    if (items.length === 0) return Promise.resolve(undefined);
    this.#next += items.length;
    return Promise.resolve(items.map((item, i): BatchItem => {
      const args = this.#argsOf(item);
      return {
        index: first + i,
        place: { ...BEGINNING, skip: first + i },
        args,
        weight: args.weight,
      };
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #argsOf(item: unknown): Value {
    const { input, common } = this.#args;
    const own = input === undefined ? item : { [input]: item };
    const options = { maxDepth: this.#maxDepth };
    // A key like __proto__ stays one of its own.
    if (common === undefined) return Value.from(own, options);
    const merged = Object.assign(Object.create(null), common.decode(), own);
    return Value.from(merged, options);
  }
}

/** The items of a file. */
export class FileFeed implements ItemFeed {
  readonly #file: FileBytes;
  readonly #lists: AsyncGenerator<
    readonly { place: Place; json: string | undefined; problem?: string }[]
  >;
  readonly #args: FileArgs;
  #next: number;
  #place: Place;
  #isAtEnd = false;

  constructor(
    file: FileBytes,
    { format, from, place, args, maxItemBytes, maxDepth, typesOf }: {
      readonly format: Format;
      readonly from: number;
      readonly place: Place;
      readonly args: ItemArgs;
      readonly maxItemBytes: number;
      readonly maxDepth: number;
      /** The types of the columns of a table. */
      readonly typesOf?: TypesOf | undefined;
    },
  ) {
    this.#file = file;
    this.#args = new FileArgs(args, maxDepth);
    this.#next = from;
    this.#place = place;
    this.#lists = openItems(file, { format, from: place, maxItemBytes, typesOf });
  }

  get total(): number | undefined {
    return this.#isAtEnd ? this.#next : undefined;
  }

  get readPart(): number {
    if (this.#isAtEnd || this.#file.bytes === 0) return 1;
    return Math.min(1, this.#place.offset / this.#file.bytes);
  }

  get next(): number {
    return this.#next;
  }

  get place(): Place {
    return this.#place;
  }

  async read(): Promise<readonly BatchItem[] | undefined> {
    const { done, value } = await this.#lists.next();
    if (done) {
      this.#isAtEnd = true;
      return undefined;
    }
    const items = value.map(({ place, json, problem }): BatchItem => {
      const index = this.#next++;
      const weight = json?.length ?? 0;
      if (json === undefined) return { index, place, args: undefined, problem, weight };
      return { index, place, weight, ...this.#args.of(json) };
    });
    const last = value.at(-1)?.place;
    if (last !== undefined) this.#place = { ...last, skip: last.skip + 1 };
    return items;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lists.return(undefined);
  }
}

const TAG = '"$snakeden"';

/** Makes arguments of the JSON text of an item, without parsing it where that can be avoided. */
class FileArgs {
  readonly #options: { readonly maxDepth: number };
  readonly #input: string | undefined;
  readonly #common: Value | undefined;
  /** The text before an item. */
  readonly #before: string;
  readonly #isPlain: boolean;

  constructor({ input, common }: ItemArgs, maxDepth: number) {
    this.#options = { maxDepth };
    this.#input = input;
    this.#common = common;
    const fields = (common?.text ?? "{}").slice(1, -1);
    const comma = fields === "" ? "" : ",";
    this.#before = input === undefined
      ? `{${fields}`
      : `{${fields}${comma}${JSON.stringify(input)}:`;
    this.#isPlain = common === undefined || !common.content.tagged;
  }

  of(json: string): Pick<BatchItem, "args" | "problem"> {
    if (!this.#isPlain || json.includes(TAG)) return this.#slowly(json);
    // Joined, and so flat: a sum would be kept beside the copy that its first reader makes of it.
    if (this.#input !== undefined) return { args: [this.#before, json, "}"].join("") };
    const text = json.trim();
    if (!text.startsWith("{")) return { args: undefined, problem: NO_OBJECT };
    if (this.#before === "{") return { args: text };
    const own = text.slice(1).trimStart();
    // Of two fields with the same name, readers take the last one, which is that of the item.
    return { args: own === "}" ? `${this.#before}}` : `${this.#before},${own}` };
  }

  /** Reads tags in the item, or adds arguments that have some. */
  #slowly(json: string): Pick<BatchItem, "args" | "problem"> {
    try {
      const item = Value.fromJsonTree(parseExact(json), this.#options).decode();
      const input = this.#input;
      if (input === undefined && !isObject(item)) return { args: undefined, problem: NO_OBJECT };
      const own = input === undefined ? item as object : { [input]: item };
      const merged = Object.assign(Object.create(null), this.#common?.decode(), own);
      return { args: Value.from(merged, this.#options) };
    } catch (error) {
      return { args: undefined, problem: (error as Error).message };
    }
  }
}

const NO_OBJECT = "given a value that is no object; allowed: an object of arguments, or `input` " +
  "with the name of the parameter that gets the item";

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
