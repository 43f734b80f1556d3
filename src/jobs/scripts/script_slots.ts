import type { PoolRoom } from "../../pool/mod.ts";

/** The name that takes the place of a pool; no pool of the configuration can have it. */
export const SCRIPTS_POOL = "@scripts";

/** A slot that is taken, until this is disposed of. */
export interface ScriptSlot extends Disposable {
  /** The name of the slot, such as `@scripts-2`. */
  readonly name: string;
}

/**
 * The slots of jobs that run programs, as a pool that the engine claims jobs for. Those that were
 * claimed ahead wait in order.
 */
export class ScriptSlots {
  readonly name = SCRIPTS_POOL;
  readonly state = "ready";
  readonly size: number;
  readonly queueLimit: number;
  readonly room: PoolRoom;
  readonly #free: number[];
  readonly #waiting: ((slot: number) => void)[] = [];

  constructor(size: number) {
    this.size = size;
    this.queueLimit = size;
    this.#free = Array.from({ length: size }, (_, i) => size - i);
    const free = this.#free;
    this.room = {
      capacity: size,
      get idle(): number {
        return free.length;
      },
      startable: 0,
      onIdle: undefined,
    };
  }

  get queued(): number {
    return this.#waiting.length;
  }

  /**
   * Takes a slot, when one is free.
   *
   * @throws The reason of the signal, if it aborts before.
   */
  async enter(signal: AbortSignal): Promise<ScriptSlot> {
    if (signal.aborted) throw signal.reason;
    const number = this.#free.pop() ?? await this.#next(signal);
    let isTaken = true;
    return {
      name: `${SCRIPTS_POOL}-${number}`,
      [Symbol.dispose]: (): void => {
        if (!isTaken) return;
        isTaken = false;
        this.#leave(number);
      },
    };
  }

  #next(signal: AbortSignal): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const taken = (slot: number): void => {
      signal.removeEventListener("abort", left);
      resolve(slot);
    };
    const left = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(taken), 1);
      reject(signal.reason);
    };
    this.#waiting.push(taken);
    signal.addEventListener("abort", left, { once: true });
    return promise;
  }

  #leave(slot: number): void {
    const next = this.#waiting.shift();
    if (next !== undefined) return next(slot);
    this.#free.push(slot);
    this.room.onIdle?.();
  }
}
