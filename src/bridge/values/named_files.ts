import { InvalidInputError } from "../../errors.ts";
import { isSessionId, SESSION_ID_RULE } from "../../session_id.ts";
import { FILE_KEY, TAG } from "../../values/mod.ts";
import { TextValue } from "./text_value.ts";
import { type HeldFiles, Value } from "./values.ts";

/** The keys that a file has in results, beside its id, and so may have in arguments. */
const OTHER_KEYS: readonly string[] = ["name", "bytes"];

const MARK = `"${FILE_KEY}"`;
const DOLLAR = "$".charCodeAt(0);
const MARK_BYTES = new TextEncoder().encode(MARK);

/** The most places of one value that may name files, each of which grows when it is replaced. */
const MAX_PLACES = 10_000;
/** The most wrong places that an error names. */
const MAX_ISSUES = 100;

/** A place in a value that names a file. */
export interface FilePlace {
  /** The path of the place, such as `args.rows[2].picture`. */
  readonly path: string;
  readonly id: string;
}

/**
 * Returns false if a value, or its JSON text, names no file, without parsing it. True means that it
 * may: a text of a value can look like the key.
 */
export function mayNameFiles(value: Value | string): boolean {
  if (typeof value === "string") return value.includes(MARK);
  const { content } = value;
  return content instanceof TextValue ? content.text.includes(MARK) : hasMark(content.json);
}

/** Searches bytes, without a copy of them as text. */
function hasMark(json: Uint8Array): boolean {
  for (let at = json.indexOf(DOLLAR); at >= 0; at = json.indexOf(DOLLAR, at + 1)) {
    if (at > 0 && MARK_BYTES.every((byte, i) => json[at - 1 + i] === byte)) return true;
  }
  return false;
}

/**
 * Returns the files that a value names by objects `{"$file": id}`; undefined if it names none.
 *
 * @param name The name of the value in error texts; paths begin with its fields if it is empty.
 * @throws {InvalidInputError} For an object with the key that does not name a file; the issues
 * have the paths of the first 100 of them.
 */
export function findFiles(value: Value, name: string): NamedFiles | undefined {
  if (!mayNameFiles(value)) return undefined;
  const search = new Search(value.tree(), name);
  search.begin();
  if (search.issues.length > 0) {
    const [first] = search.issues;
    throw new InvalidInputError(`Cannot use a file: ${first?.path}: ${first?.message}`, [
      ...search.issues,
    ]);
  }
  return search.found.length === 0 ? undefined : new NamedFiles(value, search);
}

/** The files that a value names, and their places. */
export class NamedFiles {
  /** Each place that names a file, in the order of the value. */
  readonly places: readonly FilePlace[];
  /** The ids of the files, each once. */
  readonly ids: readonly string[];
  readonly #value: Value;
  readonly #search: Search;

  constructor(value: Value, search: Search) {
    this.#value = value;
    this.#search = search;
    this.places = search.found;
    this.ids = [...new Set(search.found.map(({ id }) => id))];
  }

  /** Returns the first place that names a file. */
  placeOf(id: string): string {
    return this.places.find((it) => it.id === id)?.path ?? "";
  }

  /** Returns the value with a tagged leaf in place of each file. Call only one method, once. */
  withLeaves(
    leafOf: (id: string) => Readonly<Record<string, unknown>>,
    files: HeldFiles,
  ): Value {
    const text = this.#replaced((id) => ({ [TAG]: "file", ...leafOf(id) }));
    const { buffers, shared } = this.#value.content;
    return new Value(new TextValue(text, true, buffers, shared, this.#value.inputs), files);
  }

  /** Returns the value with a plain object in place of each file. Call only one method, once. */
  withObjects(objectOf: (id: string) => object): Value {
    const { tagged, buffers, shared } = this.#value.content;
    return new Value(
      new TextValue(this.#replaced(objectOf), tagged, buffers, shared, this.#value.inputs),
    );
  }

  #replaced(nodeOf: (id: string) => object): string {
    for (const { id, holder, key } of this.#search.found) holder[key] = nodeOf(id);
    return JSON.stringify(this.#search.tree);
  }
}

interface Found extends FilePlace {
  /** The array or object that holds it, and its key there. */
  readonly holder: Node;
  readonly key: string | number;
}

type Node = Record<string | number, unknown>;

/** A walk over a parsed value, which ends early when it has found too much. */
class Search {
  readonly tree: unknown;
  readonly found: Found[] = [];
  readonly issues: { path: string; message: string }[] = [];
  readonly #name: string;
  /** The keys that lead to the node that is visited. A path is written only where one is needed. */
  readonly #keys: (string | number)[] = [];
  #isOver = false;

  constructor(tree: unknown, name: string) {
    this.tree = tree;
    this.#name = name;
  }

  begin(): void {
    const { tree } = this;
    if (typeof tree !== "object" || tree === null) return;
    if (Object.hasOwn(tree, FILE_KEY)) {
      this.#refuse(
        "given a file; allowed: an object of arguments by name, whose values may be files",
      );
    } else this.#children(tree as Node);
  }

  #children(node: Node): void {
    if (Array.isArray(node)) {
      for (let i = 0; i < node.length; i++) this.#child(node, i);
    } else for (const key of Object.keys(node)) this.#child(node, key);
  }

  #child(holder: Node, key: string | number): void {
    const node = holder[key];
    if (typeof node !== "object" || node === null || this.#isOver) return;
    this.#keys.push(key);
    if (Object.hasOwn(node, TAG)) {
      // An object of the user that has been escaped is never a file.
      const { value } = node as { readonly value?: unknown };
      if (typeof value === "object" && value !== null) this.#children(value as Node);
    } else if (Object.hasOwn(node, FILE_KEY)) this.#file(node, { holder, key });
    else this.#children(node as Node);
    this.#keys.pop();
  }

  #file(node: object, place: Pick<Found, "holder" | "key">): void {
    const { [FILE_KEY]: id, ...others } = node as Record<string, unknown>;
    if (typeof id !== "string" || !isSessionId(id)) {
      const message = `given ${shown(id)}; allowed: the id of a file, ${SESSION_ID_RULE}`;
      return this.#refuse(message, `.${FILE_KEY}`);
    }
    const unknown = Object.keys(others).filter((key) => !OTHER_KEYS.includes(key));
    if (unknown.length > 0) {
      const names = OTHER_KEYS.join(" and ");
      return this.#refuse(
        `given the key ${shown(unknown[0])} beside ${FILE_KEY}; allowed: ` +
          `{ ${JSON.stringify(FILE_KEY)}: id }, with ${names} as results have them`,
      );
    }
    if (this.found.length === MAX_PLACES) {
      this.#refuse(`given more than ${MAX_PLACES} places of files; allowed: ${MAX_PLACES}`);
      this.#isOver = true;
      return;
    }
    this.found.push({ ...place, path: this.#path(), id });
  }

  #refuse(message: string, field = ""): void {
    this.issues.push({ path: this.#path() + field, message });
    this.#isOver ||= this.issues.length === MAX_ISSUES;
  }

  #path(): string {
    let path = this.#name;
    for (const key of this.#keys) {
      if (typeof key === "number") path += `[${key}]`;
      else path += path === "" ? key : `.${key}`;
    }
    return path;
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
