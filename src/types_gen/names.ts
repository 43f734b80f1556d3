/** Unique names for declarations in a generated file. */
export class NameTable {
  readonly #taken: Set<string>;

  /** Starts with the names that no declaration may have. */
  constructor(reserved: Iterable<string>) {
    this.#taken = new Set(reserved);
  }

  /** Returns `wanted`, or the first of `wanted2`, `wanted3`, ... that is free, and takes it. */
  take(wanted: string): string {
    let name = wanted;
    for (let n = 2; this.#taken.has(name); n++) name = `${wanted}${n}`;
    this.#taken.add(name);
    return name;
  }

  /** Takes the first number that makes all names free, and returns the names with it. */
  takeAll(wanted: readonly string[]): string[] {
    let names = [...wanted];
    for (let n = 2; names.some((it) => this.#taken.has(it)); n++) {
      names = wanted.map((it) => `${it}${n}`);
    }
    for (const name of names) this.#taken.add(name);
    return names;
  }
}

/** Returns the ASCII letters and digits of a text in PascalCase; `fallback` if there are none. */
export function pascalCase(text: string, fallback: string): string {
  const words = text.split(/[^A-Za-z0-9]+/).filter((it) => it !== "");
  const name = words.map((it) => it.charAt(0).toUpperCase() + it.slice(1)).join("");
  if (name === "") return fallback;
  return /^\d/.test(name) ? `${fallback}${name}` : name;
}

/** Compares by code units, which is the same on every machine. */
export function byName(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
