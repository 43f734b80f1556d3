import { CallList } from "../calls/mod.ts";
import { Binding } from "./binding.ts";

/** Limits of a {@link BindingTable}. */
export interface BindingLimits {
  /** The most sessions that are remembered. */
  readonly affinityLimit: number;
  /** The time without a call after which a session is forgotten. */
  readonly affinityTtlMs: number;
}

/** The most bindings that one call looks at to find those to remove, so that no call takes long. */
const MAX_SWEPT = 8;

/**
 * The bindings of a pool, by session. Those whose time is up are removed by the calls of new
 * sessions. When the table is full, bindings by hint make room, and strict ones never do.
 *
 * A use of a binding writes its time and moves nothing, since the neighbours in a list of 100,000
 * would have to be fetched from memory. Instead, a binding that comes to the head of its list and
 * was used meanwhile goes to the end.
 */
export class BindingTable {
  readonly #limits: BindingLimits;
  readonly #bindings = new Map<string, Binding>();
  /** Both in the order of {@link Binding.listedAt}. */
  readonly #hints = new CallList<Binding>();
  readonly #strict = new CallList<Binding>();

  constructor(limits: BindingLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#bindings.size;
  }

  /** The number of further sessions that can be remembered. */
  get room(): number {
    return Math.max(0, this.#limits.affinityLimit - this.size);
  }

  /** The strict bindings to workers, also to those that are gone. */
  get bound(): Binding[] {
    return [...this.#bindings.values()].filter((it) => it.isStrict && it.home !== undefined);
  }

  /** Returns the binding of a session, unless its time is up. */
  get(sessionId: string, now: number): Binding | undefined {
    const binding = this.#bindings.get(sessionId);
    if (binding === undefined || !this.#isExpired(binding, now)) return binding;
    this.delete(binding);
    return undefined;
  }

  /** Returns true unless the binding was removed. */
  has(binding: Binding): boolean {
    return this.#bindings.get(binding.sessionId) === binding;
  }

  /** Adds a binding; returns undefined if there is no room. */
  add(sessionId: string, isStrict: boolean, now: number): Binding | undefined {
    this.#sweep(this.#hints, now);
    this.#sweep(this.#strict, now);
    if (this.size >= this.#limits.affinityLimit && !this.#forgetHint()) return undefined;
    const binding = new Binding(sessionId, isStrict, now);
    this.put(binding);
    return binding;
  }

  /** Puts a binding into the place of the one that its session has, if it has one. */
  put(binding: Binding): void {
    const current = this.#bindings.get(binding.sessionId);
    if (current !== undefined) this.#listOf(current).remove(current);
    this.#bindings.set(binding.sessionId, binding);
    this.#list(binding);
  }

  /** Makes a binding strict. */
  harden(binding: Binding): void {
    const isListed = this.#hints.remove(binding);
    binding.isStrict = true;
    if (isListed) this.#list(binding);
  }

  /** Removes a binding. Its calls that are under way keep it. */
  delete(binding: Binding): void {
    if (this.#listOf(binding).remove(binding)) this.#bindings.delete(binding.sessionId);
  }

  #listOf({ isStrict }: Binding): CallList<Binding> {
    return isStrict ? this.#strict : this.#hints;
  }

  #list(binding: Binding): void {
    binding.listedAt = binding.usedAt;
    this.#listOf(binding).push(binding);
  }

  #isExpired(binding: Binding, now: number): boolean {
    return now - binding.usedAt >= this.#limits.affinityTtlMs && binding.isIdle &&
      binding.standing !== "stored";
  }

  /** Removes some of the bindings whose time is up. */
  #sweep(list: CallList<Binding>, now: number): void {
    for (let i = 0; i < MAX_SWEPT; i++) {
      const { head } = list;
      if (head === undefined || now - head.listedAt < this.#limits.affinityTtlMs) return;
      if (this.#isExpired(head, now)) this.delete(head);
      else {
        if (!head.isIdle || head.standing === "stored") head.usedAt = now;
        this.#relist(head);
      }
    }
  }

  /** Forgets a hint that was not used recently; returns false if there is none at all. */
  #forgetHint(): boolean {
    for (let i = 0; i < MAX_SWEPT; i++) {
      const { head } = this.#hints;
      if (head === undefined || head.usedAt === head.listedAt) break;
      this.#relist(head);
    }
    const { head } = this.#hints;
    if (head !== undefined) this.delete(head);
    return head !== undefined;
  }

  #relist(binding: Binding): void {
    this.#listOf(binding).remove(binding);
    this.#list(binding);
  }
}
