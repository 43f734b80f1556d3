import assert from "node:assert/strict";
import { type Snakeden, SnakedenError } from "../../mod.ts";
import type { Random } from "./random.ts";

/** The objects of a session in its worker, by the mark that was made with them. */
interface Objects {
  readonly mark: string;
  /** The lowest and the highest count that the next call may return. */
  least: number;
  most: number;
}

/**
 * A session that counts its calls in the worker, one after another. The count goes on, or a call
 * fails; after the worker is gone, it begins again only for a call that says `rebind`. At times the
 * session is deleted and opened again under the same id.
 */
export class StrictSession {
  readonly #den: Snakeden;
  readonly #id: string;
  readonly #pool: string;
  readonly #isConcurrent: boolean;
  #isOpen = false;
  /** The objects of the session; undefined while it may have others. */
  #objects: Objects | undefined;
  /** Calls since the session began or was bound again whose count nobody has seen. */
  #unseen = 0;
  /**
   * `lost` once its worker was lost, until it is bound again; `unknown` after a call that may have
   * bound it again.
   */
  #state: "open" | "lost" | "unknown" = "open";
  /** The marks of objects that are gone. */
  readonly #gone = new Set<string>();
  isBusy = false;

  /**
   * @param isConcurrent True if a call that its caller has left may count after a later one, since
   * the worker runs several at a time.
   */
  constructor(
    den: Snakeden,
    id: string,
    { pool = "default", isConcurrent }: {
      readonly pool: string | undefined;
      readonly isConcurrent: boolean;
    },
  ) {
    this.#den = den;
    this.#id = id;
    this.#pool = pool;
    this.#isConcurrent = isConcurrent;
  }

  /** Makes a call; at times, the caller leaves it, or takes another session. */
  async count(random: Random): Promise<void> {
    this.isBusy = true;
    try {
      if (!this.#isOpen || random.below(50) === 0) await this.#openAnother();
      await this.#countOnce({
        rebind: this.#state !== "open" && random.below(3) > 0,
        failFast: random.below(5) === 0,
        seconds: random.next() / 50,
        leaveMs: random.below(8) === 0 ? random.below(20) : undefined,
      });
    } finally {
      this.isBusy = false;
    }
  }

  /** Ends the session, and checks that the next one of its id is bound to no worker. */
  async end(): Promise<void> {
    if (!this.#isOpen) return;
    await this.#openAnother();
    await this.#countOnce({ rebind: false, failFast: false, seconds: 0, leaveMs: undefined });
    await this.#den.sessions.delete(this.#id);
  }

  async #openAnother(): Promise<void> {
    if (this.#isOpen) await this.#den.sessions.delete(this.#id);
    // A call that its caller has left may still run, and counts in what is opened.
    const late = this.#objects === undefined
      ? this.#unseen
      : this.#objects.most - this.#objects.least;
    this.#forget();
    this.#unseen = late;
    this.#state = "open";
    await this.#den.sessions.open(this.#id);
    this.#isOpen = true;
  }

  #forget(): void {
    if (this.#objects !== undefined) this.#gone.add(this.#objects.mark);
    this.#objects = undefined;
    this.#unseen = 0;
  }

  async #countOnce(
    { rebind, failFast, seconds, leaveMs }: {
      readonly rebind: boolean;
      readonly failFast: boolean;
      readonly seconds: number;
      readonly leaveMs: number | undefined;
    },
  ): Promise<void> {
    const wasLost = this.#state === "lost";
    const leaving = new AbortController();
    const timer = leaveMs === undefined
      ? undefined
      : setTimeout(() => leaving.abort(new Error("left")), leaveMs);
    try {
      const [mark, count] = await this.#den.execute<[string, number]>(
        "count_strictly",
        { seconds },
        {
          sessionId: this.#id,
          pool: this.#pool,
          affinity: failFast ? "strict_fail_fast" : "strict_queue",
          rebind,
          signal: leaving.signal,
        },
      );
      assert.ok(!wasLost || rebind, `${this.#id}: a blank worker has answered`);
      this.#state = "open";
      this.#saw(mark, count);
    } catch (error) {
      this.#failed(error, { rebind });
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #saw(mark: string, count: number): void {
    assert.ok(!this.#gone.has(mark), `${this.#id}: objects that were lost have come back`);
    const { least, most } = this.#objects ?? { least: 1, most: 1 + this.#unseen };
    if (this.#objects !== undefined) {
      assert.equal(mark, this.#objects.mark, `${this.#id}: the count has silently begun again`);
    }
    assert.ok(count >= least && count <= most, `${this.#id}: ${count} is not ${least}..${most}`);
    const late = this.#isConcurrent ? most - count : 0;
    this.#objects = { mark, least: count + 1, most: count + 1 + late };
    this.#unseen = 0;
  }

  #failed(error: unknown, { rebind }: { readonly rebind: boolean }): void {
    const code = error instanceof SnakedenError ? error.code : "left";
    // It has not run.
    if (["pool_saturated", "pool_unhealthy", "worker_busy"].includes(code)) return;
    if (code === "session_worker_unavailable") {
      this.#state = "lost";
      this.#forget();
    } else if (rebind) {
      this.#state = "unknown";
      this.#unseen++;
    } else if (code === "worker_crashed") {
      this.#state = "lost";
      this.#forget();
    } else if (this.#objects === undefined) this.#unseen++;
    else this.#objects.most++;
  }
}
