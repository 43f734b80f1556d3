import { nextTurn } from "../../../async/mod.ts";

/** The bytes that are checked in one turn of the event loop. */
const SLICE_BYTES = 256 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN = { object: 0x7b, array: 0x5b } as const;
const CLOSE = { object: 0x7d, array: 0x5d } as const;

/** A number at the beginning of a text. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** The longest number, in bytes. */
const MAX_NUMBER = 4_096;

/** The next token that is allowed. */
type Expected = "value" | "value or end" | "key" | "key or end" | "colon" | "comma or end" | "end";

/**
 * Returns the reason why bytes in UTF-8 are not JSON; undefined if they are. Builds no value, so
 * that numbers stay as exact as they were written, and other work goes on while long bytes are
 * checked.
 *
 * @param maxDepth The most arrays and objects that may be nested.
 * @param maxValues The most values in all; by default any number.
 */
export async function jsonProblem(
  bytes: Uint8Array,
  { maxDepth, maxValues = Infinity, tags }: JsonCheckOptions,
): Promise<string | undefined> {
  const check = new JsonCheck(bytes, { maxDepth, maxValues, tags }).run();
  for (let step = check.next();; step = check.next()) {
    if (step.done) return step.value;
    await nextTurn();
  }
}

/** Options of {@link jsonProblem}. */
export interface JsonCheckOptions {
  readonly maxDepth: number;
  readonly maxValues?: number;
  /** Finds the objects with a key of ASCII, the outermost ones, and takes their places. */
  readonly tags?: { readonly key: string; readonly found: Place[] } | undefined;
}

/** The first byte of a part of the text, and the one behind its last. */
export type Place = readonly [start: number, end: number];

class JsonCheck {
  readonly #bytes: Uint8Array;
  readonly #maxDepth: number;
  readonly #maxValues: number;
  readonly #tags: JsonCheckOptions["tags"];
  /** The places of the open brackets, and the number of those around an object with the key. */
  readonly #starts: number[] = [];
  #taggedAt = Infinity;
  #values = 0;
  readonly #open: ("object" | "array")[] = [];
  #at = 0;
  #expected: Expected = "value";
  #turnEnd = SLICE_BYTES;

  constructor(
    bytes: Uint8Array,
    { maxDepth, maxValues, tags }: JsonCheckOptions & { readonly maxValues: number },
  ) {
    this.#tags = tags;
    this.#bytes = bytes;
    this.#maxDepth = maxDepth;
    this.#maxValues = maxValues;
  }

  /** Yields when a turn has been used up. */
  *run(): Generator<void, string | undefined> {
    const bytes = this.#bytes;
    while (true) {
      this.#skipSpace();
      if (this.#at >= this.#turnEnd) {
        this.#turnEnd = this.#at + SLICE_BYTES;
        yield;
      }
      if (this.#at >= bytes.length) break;
      const byte = bytes[this.#at] ?? 0;
      const problem = byte === QUOTE ? yield* this.#string() : this.#token(byte);
      if (problem !== undefined) return problem;
    }
    return this.#expected === "end" ? undefined : "it ends too early";
  }

  #skipSpace(): void {
    for (; this.#at < Math.min(this.#bytes.length, this.#turnEnd); this.#at++) {
      const byte = this.#bytes[this.#at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
    }
  }

  #token(byte: number): string | undefined {
    const expected = this.#expected;
    const inside = this.#open.at(-1);
    if (inside !== undefined && byte === CLOSE[inside]) {
      if (expected !== "comma or end" && !expected.endsWith("or end")) return this.#unexpected();
      this.#open.pop();
      this.#at++;
      const start = this.#starts.pop() ?? 0;
      if (this.#open.length === this.#taggedAt) {
        this.#taggedAt = Infinity;
        this.#tags?.found.push([start, this.#at]);
      }
      return this.#valueEnded();
    }
    if (byte === COMMA && expected === "comma or end" && inside !== undefined) {
      this.#at++;
      this.#expected = inside === "object" ? "key" : "value";
      return undefined;
    }
    if (byte === COLON && expected === "colon") {
      this.#at++;
      this.#expected = "value";
      return undefined;
    }
    if (expected !== "value" && expected !== "value or end") return this.#unexpected();
    if (byte === OPEN.object) return this.#begin("object");
    return byte === OPEN.array ? this.#begin("array") : this.#plain();
  }

  #begin(kind: "object" | "array"): string | undefined {
    if (this.#open.push(kind) > this.#maxDepth) {
      return `it is nested deeper than ${this.#maxDepth} levels`;
    }
    this.#starts.push(this.#at);
    this.#at++;
    this.#expected = kind === "object" ? "key or end" : "value or end";
    return undefined;
  }

  /** Reads a number, true, false, or null. */
  #plain(): string | undefined {
    const start = this.#at;
    let text = "";
    for (let at = start; at < this.#bytes.length && at - start <= MAX_NUMBER; at++) {
      const byte = this.#bytes[at] ?? 0;
      const isPart = byte >= 0x30 && byte <= 0x39 || byte >= 0x61 && byte <= 0x7a ||
        byte === 0x2b || byte === 0x2d || byte === 0x2e || byte === 0x45;
      if (!isPart) break;
      text += String.fromCharCode(byte);
    }
    if (text !== "true" && text !== "false" && text !== "null" && !NUMBER.test(text)) {
      return this.#unexpected();
    }
    this.#at += text.length;
    return this.#valueEnded();
  }

  *#string(): Generator<void, string | undefined> {
    const isKey = this.#expected === "key" || this.#expected === "key or end";
    if (!isKey && this.#expected !== "value" && this.#expected !== "value or end") {
      return this.#unexpected();
    }
    const bytes = this.#bytes;
    const start = this.#at++;
    while (true) {
      const end = Math.min(bytes.length, this.#turnEnd);
      let byte = 0;
      let at = this.#at;
      for (; at < end; at++) {
        byte = bytes[at] ?? 0;
        if (byte === QUOTE || byte === BACKSLASH || byte < 0x20) break;
      }
      this.#at = at;
      if (at >= bytes.length) return "it ends too early";
      if (at >= end) {
        this.#turnEnd = at + SLICE_BYTES;
        yield;
        continue;
      }
      if (byte === QUOTE) break;
      if (byte < 0x20) return this.#unexpected();
      const escape = this.#escape();
      if (escape === 0) return this.#unexpected();
      this.#at += escape;
    }
    this.#at++;
    if (!isKey) return this.#valueEnded();
    if (this.#taggedAt === Infinity && this.#isTag(start)) this.#taggedAt = this.#open.length - 1;
    this.#expected = "colon";
    return undefined;
  }

  /** Returns true if the text that has ended is the key, however it is written. */
  #isTag(start: number): boolean {
    const key = this.#tags?.key;
    // Each character takes at most six bytes, in an escape.
    if (key === undefined || this.#at - start > key.length * 6 + 2) return false;
    const written = this.#bytes.subarray(start + 1, this.#at - 1);
    if (!written.includes(BACKSLASH)) {
      return written.length === key.length && written.every((it, i) => it === key.charCodeAt(i));
    }
    return JSON.parse(`"${new TextDecoder().decode(written)}"`) === key;
  }

  /** Returns the length of an escape; 0 for one that is wrong. */
  #escape(): number {
    const next = String.fromCharCode(this.#bytes[this.#at + 1] ?? 0);
    if (`"\\/bfnrt`.includes(next)) return 2;
    if (next !== "u") return 0;
    const digits = String.fromCharCode(...this.#bytes.subarray(this.#at + 2, this.#at + 6));
    return /^[0-9a-fA-F]{4}$/.test(digits) ? 6 : 0;
  }

  #valueEnded(): string | undefined {
    if (++this.#values > this.#maxValues) return `it has more than ${this.#maxValues} values`;
    this.#expected = this.#open.length === 0 ? "end" : "comma or end";
    return undefined;
  }

  #unexpected(): string {
    const text = new TextDecoder().decode(this.#bytes.subarray(this.#at, this.#at + 8));
    return `unexpected ${JSON.stringify(text)} at byte ${this.#at}`;
  }
}
