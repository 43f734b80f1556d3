import type { RowChange, RowValue } from "./row.ts";

/** A change of a row that is not yet applied. */
export interface Change {
  readonly id: string;
  readonly mutation: RowChange;
  /** The most bytes that the change takes in a commit. */
  readonly bytes: number;
  /** Settles with the commit of the journal; undefined once that is done. */
  pending: Promise<void> | undefined;
  /** The durable change that this one replaces; undefined once this one is durable. */
  before: Change | undefined;
}

/** The rows that were changed, in memory until they are in KV. */
export class ChangedRows {
  /** The latest change of each row. */
  readonly #latest = new Map<string, Change>();
  /** The rows that have a durable change. */
  #durable = new Set<string>();
  #bytes = 0;

  get size(): number {
    return this.#latest.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(id: string): Change | undefined {
    return this.#latest.get(id);
  }

  /** Adds a change, which is durable if nothing is `pending`. */
  add(change: Omit<Change, "before">): Change {
    const { id, mutation, bytes, pending } = change;
    const latest = this.#latest.get(id);
    const before = latest?.pending === undefined ? latest : latest.before;
    const added = { id, mutation, bytes, pending, before };
    this.#latest.set(id, added);
    this.#bytes += bytes - (latest?.bytes ?? 0);
    if (pending === undefined) this.confirm(added);
    return added;
  }

  /** Notes that a change is durable. */
  confirm(change: Change): void {
    change.pending = undefined;
    change.before = undefined;
    this.#durable.add(change.id);
    // The changes before it are not needed any more.
    const latest = this.#latest.get(change.id);
    if (latest !== undefined && latest !== change) latest.before = change;
  }

  /** Takes a change back that will not be durable. */
  takeBack({ id }: Change): void {
    const latest = this.#latest.get(id);
    if (latest?.pending === undefined) return;
    this.#bytes += (latest.before?.bytes ?? 0) - latest.bytes;
    if (latest.before === undefined) this.#latest.delete(id);
    else this.#latest.set(id, latest.before);
  }

  /** Returns the rows that have a durable change, and begins to gather later ones. */
  takeDurable(): ReadonlySet<string> {
    const durable = this.#durable;
    this.#durable = new Set();
    return durable;
  }

  /** Gives rows of {@link ChangedRows.takeDurable} back that were not applied. */
  giveBack(ids: Iterable<string>): void {
    for (const id of ids) this.#durable.add(id);
  }

  /** Returns the latest durable change of a row that is not yet applied. */
  durable(id: string): Change | undefined {
    const latest = this.#latest.get(id);
    return latest?.pending === undefined ? latest : latest.before;
  }

  /** Forgets a change that is in KV. */
  forget(change: Change): void {
    const latest = this.#latest.get(change.id);
    if (latest === change) {
      this.#latest.delete(change.id);
      this.#bytes -= change.bytes;
    } else if (latest?.before === change) latest.before = undefined;
  }
}

/** Returns the row as a change leaves it; undefined if it removes it. */
export function valueOf({ mutation }: Change): RowValue | undefined {
  return mutation.type === "set" ? mutation.value : undefined;
}
