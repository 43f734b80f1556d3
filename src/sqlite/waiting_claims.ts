import type { Clock } from "../async/mod.ts";
import type { ClaimAsk } from "../store/mod.ts";
import type { PackedClaims, WriteOps } from "./messages/mod.ts";
import type { StoreThread } from "./threads/mod.ts";

/** The parts of {@link WaitingClaims}. */
export interface WaitingClaimsDeps {
  readonly writer: StoreThread<WriteOps>;
  readonly clock: Clock;
  /** Returns the time of the store. */
  readonly now: () => number;
}

/**
 * Claims that wait for a job. The thread of the writer keeps them in line, and answers one in the
 * commit that makes a job ready. This side ends a wait by time or signal, and sends a tick when a
 * job comes due.
 */
export class WaitingClaims {
  readonly #deps: WaitingClaimsDeps;
  readonly #leave = new Set<() => void>();
  /** True after {@link WaitingClaims.close}. */
  isClosed = false;
  #tickAt: number | undefined;
  #cancelTick: () => void = () => {};

  constructor(deps: WaitingClaimsDeps) {
    this.#deps = deps;
  }

  /** Takes jobs; null if there were none in time, or before the signal. */
  async claim(
    { pools, holder, leaseMs, waitMs, signal }: ClaimAsk,
  ): Promise<PackedClaims | null> {
    const { writer, clock } = this.#deps;
    const waits = waitMs > 0 && !this.isClosed;
    const { id, answer } = writer.ask("claim", {
      pools: pools.map(({ pool, slots }) => ({ pool, slots })),
      holder,
      leaseMs,
      waits,
    });
    if (!waits) return await answer;
    // The answer stays the only truth: the claim may have got jobs before the thread reads this.
    const leave = (): void => {
      if (this.#leave.delete(leave)) writer.call("leave", id, { weight: 0 }).catch(() => {});
    };
    this.#leave.add(leave);
    const cancelTimer = clock.after(waitMs, leave);
    signal?.addEventListener("abort", leave, { once: true });
    try {
      return await answer;
    } finally {
      cancelTimer();
      signal?.removeEventListener("abort", leave);
      this.#leave.delete(leave);
    }
  }

  /** Sets the time at which the thread must look at the time again. */
  setTick(at: number | undefined): void {
    if (at === this.#tickAt) return;
    this.#tickAt = at;
    this.#cancelTick();
    this.#cancelTick = () => {};
    if (at === undefined || this.isClosed) return;
    const { clock, now, writer } = this.#deps;
    this.#cancelTick = clock.after(Math.min(Math.max(0, at - now()), 2 ** 31 - 1), () => {
      this.#tickAt = undefined;
      writer.call("tick", null).catch(() => {});
    });
  }

  /** Ends all waits: the claims are answered with no jobs. */
  close(): void {
    this.isClosed = true;
    this.#cancelTick();
    for (const leave of [...this.#leave]) leave();
  }
}
