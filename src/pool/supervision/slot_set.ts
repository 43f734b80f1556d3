import type { Place } from "../../hardware/mod.ts";
import { Slot, type SlotDeps } from "./slot.ts";

/** The names and the devices of the slots of a pool. */
export interface SlotNames {
  /** The name of the pool. Its slots are `name-1`, `name-2`, ... */
  readonly name: string;
  /** The slot with index i has `places[i % places.length]`. Default none. */
  readonly places?: readonly Place[];
}

/**
 * The slots of a pool. There are as many as the pool may have workers, or ever might. Those that
 * are not wanted rest, and cost nothing.
 */
export class SlotSet {
  readonly #names: SlotNames;
  readonly #deps: SlotDeps;
  readonly #slots: Slot[] = [];

  constructor(names: SlotNames, deps: SlotDeps) {
    this.#names = names;
    this.#deps = deps;
  }

  /** All slots, those that rest included. */
  get all(): readonly Slot[] {
    return this.#slots;
  }

  /** The number of slots that have a worker, or are to have one. */
  get wanted(): number {
    return count(this.#slots, ({ isWanted }) => isWanted);
  }

  /** The number of slots that are wanted, or whose worker has not ended yet. */
  get inUse(): number {
    return count(this.#slots, ({ isInUse }) => isInUse);
  }

  /** The number of slots that will have a worker as soon as one can be started. */
  get filling(): number {
    return count(this.#slots, ({ isFilling }) => isFilling);
  }

  /** The number of times that slots were refilled after becoming empty. */
  get restarts(): number {
    return this.#slots.reduce((sum, { restarts }) => sum + restarts, 0);
  }

  /** True if some slots are wanted, all of them wait for devices, and so would all others. */
  get areHeldUp(): boolean {
    return this.wanted > 0 && this.#slots.every((it) => it.isWanted ? it.isHeldUp : it.isBarred);
  }

  /** Wakes the slot that suits best for one more worker; returns undefined if none rests. */
  wake(most: number): Slot | undefined {
    this.#growTo(most);
    const resting = this.#slots.filter((it) => !it.isWanted);
    const [first, ...others] = resting;
    if (first === undefined) return undefined;
    const chosen = others.reduce(
      (best, it) => this.#costOf(it) < this.#costOf(best) ? it : best,
      first,
    );
    chosen.wake();
    return chosen;
  }

  /** Resolves when all slots rest. */
  async rested(): Promise<void> {
    await Promise.allSettled(this.#slots.map((it) => it.rested));
  }

  /** Returns how badly a slot suits: first one that is free, then one whose device has few. */
  #costOf({ isBarred, isInUse, place }: Slot): number {
    const sharers = place === undefined
      ? 0
      : count(this.#slots, (it) => it.isWanted && it.place === place);
    return (isBarred ? 1_000_000 : 0) + (isInUse ? 1_000 : 0) + sharers;
  }

  #growTo(most: number): void {
    const { name, places = [] } = this.#names;
    for (let i = this.#slots.length; i < most; i++) {
      const identity = { id: `${name}-${i + 1}`, place: places[i % places.length] };
      this.#slots.push(new Slot(identity, this.#deps));
    }
  }
}

function count<T>(items: readonly T[], accepts: (item: T) => boolean): number {
  let found = 0;
  for (const item of items) if (accepts(item)) found++;
  return found;
}
