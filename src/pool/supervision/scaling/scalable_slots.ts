import type { Worker } from "../../workers/mod.ts";

/** A slot, as its pool is scaled. */
export interface ScalableSlot {
  readonly id: string;
  /** True from when it is woken until it is to come to rest. */
  readonly isWanted: boolean;
  /** True while it is wanted, and while it still has a worker. */
  readonly isInUse: boolean;
  /** True if it will have a worker as soon as one can be started. */
  readonly isFilling: boolean;
  /** True while a worker serves in it. */
  readonly isServed: boolean;
  /** Resolves when the next attempt to fill it has ended, or when it rests. */
  attempted(): Promise<void>;
}

/** The slots of a pool; `S` is a slot. */
export interface ScalableSlots<S extends ScalableSlot> {
  readonly all: readonly S[];
  /** The number of slots that have a worker, or are to have one. */
  readonly wanted: number;
  /** The number of slots that are wanted, or whose worker has not ended yet. */
  readonly inUse: number;
  /** The number of slots that will have a worker as soon as one can be started. */
  readonly filling: number;
  /** Wakes one of the first `most` slots; returns undefined if none rests. */
  wake(most: number): S | undefined;
}

/** A worker in its slot. */
export interface Holder<S extends ScalableSlot> {
  readonly worker: Worker;
  readonly slot: S;
  /** True once a successor is on its way, or the worker was asked to end. */
  readonly isEnding: boolean;
}
