import type { HostRun } from "./runs/mod.ts";

/** A run, or one that waits for the store before it starts. */
type OpenRun = HostRun | undefined;

/**
 * The runs of a call by the ids that Python has chosen. Most calls have one at a time, which has a
 * place of its own: a Map makes a new table whenever its last entry goes.
 */
export class OpenRuns {
  #first: { readonly id: number; readonly run: OpenRun } | undefined;
  #others: Map<number, OpenRun> | undefined;

  has(id: number): boolean {
    return this.#first?.id === id || this.#others?.has(id) === true;
  }

  get(id: number): OpenRun {
    return this.#first?.id === id ? this.#first.run : this.#others?.get(id);
  }

  /** Adds a run, or replaces it. */
  set(id: number, run: OpenRun): void {
    if (this.#first?.id === id || (this.#first === undefined && !this.#others?.has(id))) {
      this.#first = { id, run };
    } else (this.#others ??= new Map()).set(id, run);
  }

  /** Returns false if there is none. */
  delete(id: number): boolean {
    if (this.#first?.id !== id) return this.#others?.delete(id) ?? false;
    this.#first = undefined;
    return true;
  }
}
