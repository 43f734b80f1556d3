import { heldBy, PLACE } from "../../schema/mod.ts";
import type { KeyKind, LimitKey } from "./limit_keys.ts";
import type { Statements } from "../statements.ts";

/**
 * The available jobs of a key in one pool. Each pool has its own, so that a job whose pool has no
 * slot keeps no job of another pool from starting.
 */
export interface Lane {
  /** The number of jobs that claims see. */
  ready: number;
  /** True if jobs may be held by the key. */
  hasHeld: boolean;
}

/** The most lanes that are kept. */
const MAX_LANES = 10_000;

/** Returns the column of a key. */
export function columnOf(kind: KeyKind): "ckey" | "rkey" {
  return kind === "concurrency" ? "ckey" : "rkey";
}

/**
 * The lanes that were needed, as they are with all changes of the running group. They follow from
 * the jobs, and only spare the writer from counting these again.
 */
export class Lanes {
  readonly #statements: Statements;
  readonly #lanes = new Map<string, Lane>();

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  /** Forgets all lanes. */
  reset(): void {
    this.#lanes.clear();
  }

  /** Bounds the memory. Called when the jobs are written. */
  trim(): void {
    if (this.#lanes.size > MAX_LANES) this.#lanes.clear();
  }

  /** Returns a lane. With `isNew`, none of its jobs can be available. */
  get(key: LimitKey, pool: string, isNew = false): Lane {
    const name = `${key.kind}\0${key.queue}\0${key.key}\0${pool}`;
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = isNew ? { ready: 0, hasHeld: false } : this.#read(key, pool);
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  #read({ kind, queue, key }: LimitKey, pool: string): Lane {
    const of = `from job where queue = ? and ${columnOf(kind)} = ? and pool = ? and place =`;
    const ready = this.#statements.get<{ jobs: number }>(
      `select count(*) as jobs ${of} ${PLACE.ready}`,
      queue,
      key,
      pool,
    );
    const held = this.#statements.get(`select 1 ${of} ${heldBy(kind)} limit 1`, queue, key, pool);
    return { ready: ready?.jobs ?? 0, hasHeld: held !== undefined };
  }
}
