import type { SnakedenError } from "../errors.ts";
import type { ItemOutcome } from "../pool/mod.ts";
import { type MapItem, weightOf } from "./map_item.ts";

/** The weight of outcomes that a part keeps for its reader; then its worker pauses. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

/** Items that travel together, and the outcomes of those that have ended and were not taken. */
export class MapPart {
  /** The index of the first one among all items of the map. */
  readonly first: number;
  readonly items: readonly MapItem[];
  /** The number of items that have ended. */
  ended = 0;
  /** The number of times that the first item that has not ended has lost its worker. */
  losses = 0;
  /** The item, by its place in the part, that has failed before those before it have ended. */
  fault: { readonly at: number; readonly error: SnakedenError } | undefined;
  #outcomes: ItemOutcome[] = [];
  #bytes = 0;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(first: number, items: readonly MapItem[]) {
    this.first = first;
    this.items = items;
  }

  /** True once all of its items have ended, and what came of them was taken. */
  get isTaken(): boolean {
    return this.ended === this.items.length && this.#outcomes.length === 0;
  }

  /** The number of outcomes that wait for the reader. */
  get waiting(): number {
    return this.#outcomes.length;
  }

  add(outcomes: readonly ItemOutcome[]): void {
    this.losses = 0;
    this.ended += outcomes.length;
    if (this.fault !== undefined && this.ended > this.fault.at) this.fault = undefined;
    if (this.#outcomes.length === 0) this.#outcomes = [...outcomes];
    else for (const it of outcomes) this.#outcomes.push(it);
    for (const it of outcomes) this.#bytes += weightOf(it);
  }

  /** Resolves when the reader has made room; undefined if there is some. */
  room(): Promise<void> | undefined {
    if (this.#bytes <= MAX_KEPT_BYTES) return undefined;
    return (this.#room ??= Promise.withResolvers<void>()).promise;
  }

  /** Lets the worker go on without room. */
  release(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** Takes the outcomes that wait, the first of which is that of the item `from`. */
  take(): { readonly from: number; readonly outcomes: readonly ItemOutcome[] } {
    const outcomes = this.#outcomes;
    this.#outcomes = [];
    this.#bytes = 0;
    this.release();
    return { from: this.first + this.ended - outcomes.length, outcomes };
  }
}
