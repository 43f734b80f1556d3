import { CallList } from "../calls/mod.ts";
import { Binding } from "./binding.ts";

/** Limits of a {@link BindingTable}. */
export interface BindingLimits {
  /** The most sessions that are remembered. */
  readonly affinityLimit: number;
  /** The time without a call after which a session is forgotten. */
  readonly affinityTtlMs: number;
}

/** The most bindings that one call removes, so that no call takes long. */
const MAX_SWEPT = 8;

/**
 * The bindings of a pool, by session. Those that were used longest ago are removed when their time
 * is up, by the calls of other sessions. When the table is full, bindings by hint make room, and
 * strict ones never do.
 */
export class BindingTable {
  readonly #limits: BindingLimits;
  readonly #bindings = new Map<string, Binding>();
  /** Both in the order of their last use. */
  readonly #hints = new CallList<Binding>();
  readonly #strict = new CallList<Binding>();

  constructor(limits: BindingLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#bindings.size;
  }

  /** Returns the binding of a session, unless its time is up. */
  get(sessionId: string, now: number): Binding | undefined {
    const binding = this.#bindings.get(sessionId);
    if (binding === undefined || !this.#isExpired(binding, now)) return binding;
    this.delete(binding);
    return undefined;
  }

  /** Adds a binding; returns undefined if there is no room. */
  add(sessionId: string, isStrict: boolean, now: number): Binding | undefined {
    this.#sweep(this.#hints, now);
    this.#sweep(this.#strict, now);
    if (this.size >= this.#limits.affinityLimit) {
      const oldest = this.#hints.head;
      if (oldest === undefined) return undefined;
      this.delete(oldest);
    }
    const binding = new Binding(sessionId, isStrict, now);
    this.put(binding);
    return binding;
  }

  /** Puts a binding into the place of the one that its session has, if it has one. */
  put(binding: Binding): void {
    const current = this.#bindings.get(binding.sessionId);
    if (current !== undefined) this.#listOf(current).remove(current);
    this.#bindings.set(binding.sessionId, binding);
    this.#listOf(binding).push(binding);
  }

  /** Returns true unless the binding was removed. */
  has(binding: Binding): boolean {
    return this.#bindings.get(binding.sessionId) === binding;
  }

  /** Notes that a binding is used. One that was removed is ignored. */
  touch(binding: Binding, now: number): void {
    const list = this.#listOf(binding);
    if (!list.remove(binding)) return;
    binding.usedAt = now;
    list.push(binding);
  }

  /** Makes a binding strict. */
  harden(binding: Binding): void {
    const isListed = this.#hints.remove(binding);
    binding.isStrict = true;
    if (isListed) this.#strict.push(binding);
  }

  /** Removes a binding. Its calls that are under way keep it. */
  delete(binding: Binding): void {
    if (this.#listOf(binding).remove(binding)) this.#bindings.delete(binding.sessionId);
  }

  #listOf({ isStrict }: Binding): CallList<Binding> {
    return isStrict ? this.#strict : this.#hints;
  }

  #isExpired(binding: Binding, now: number): boolean {
    return now - binding.usedAt >= this.#limits.affinityTtlMs && binding.isIdle;
  }

  #sweep(list: CallList<Binding>, now: number): void {
    for (let i = 0; i < MAX_SWEPT; i++) {
      const { head } = list;
      if (head === undefined || now - head.usedAt < this.#limits.affinityTtlMs) return;
      if (head.isIdle) this.delete(head);
      else this.touch(head, now);
    }
  }
}
