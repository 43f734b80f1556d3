import { Condition } from "../async/mod.ts";
import { getLogger } from "../log.ts";
import type { SessionStore } from "../store/mod.ts";

/** The part of the quota from which on the log warns, and that below which it may warn again. */
const WARNING = 0.8;
const CALM = 0.7;

/** Dependencies of {@link SessionQuota}. */
export interface SessionQuotaDeps {
  readonly store: Pick<SessionStore, "count">;
  readonly max: number;
  /** Removes expired sessions, which count until then. */
  readonly sweep: () => Promise<void>;
}

/** The number of sessions that may be open at once. */
export class SessionQuota {
  readonly #deps: SessionQuotaDeps;
  readonly #ended = new Condition();
  /** Sessions that are being opened. The store may count them already. */
  #opening = 0;
  /** Sessions that are not being opened any more. */
  #opened = 0;
  /** The last one that waits for the others; later ones follow it. */
  #last: Promise<unknown> = Promise.resolve();
  #hasWarned = false;

  constructor(deps: SessionQuotaDeps) {
    this.#deps = deps;
  }

  /** Returns what `open` returns, which adds a session; undefined if there is no room. */
  async run<T>(open: () => Promise<T>): Promise<T | undefined> {
    if (await this.#take()) return await this.#open(open);
    // Near the limit they go one after the other, so that exactly as many as fit are opened.
    const mine = this.#last.then(() => this.#openLast(open));
    this.#last = mine.catch(() => {});
    return await mine;
  }

  async #openLast<T>(open: () => Promise<T>): Promise<T | undefined> {
    await this.#ended.until(() => this.#opening === 0);
    if (await this.#take()) return await this.#open(open);
    await this.#deps.sweep();
    return await this.#take() ? await this.#open(open) : undefined;
  }

  /** Opens a session in a place that was taken. */
  async #open<T>(open: () => Promise<T>): Promise<T> {
    try {
      return await open();
    } finally {
      this.#opening--;
      this.#opened++;
      this.#ended.notify();
    }
  }

  /** Takes a place, if one is free whatever the sessions that are being opened do. */
  async #take(): Promise<boolean> {
    const { store, max } = this.#deps;
    const before = this.#opened;
    const count = await store.count();
    this.#warn(count + 1);
    if (count + this.#opening + this.#opened - before >= max) return false;
    this.#opening++;
    return true;
  }

  #warn(count: number): void {
    const { max } = this.#deps;
    if (count < max * CALM) this.#hasWarned = false;
    if (count < max * WARNING || this.#hasWarned) return;
    this.#hasWarned = true;
    const text = "{count} sessions are open; sessions.max allows {max}, and more will be refused";
    getLogger("sessions").warn(text, { count, max });
  }
}
