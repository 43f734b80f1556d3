import { setImmediate } from "node:timers";
import { messageOf } from "../../errors.ts";
import type { Answers, Batch, Opened, Ops, Request } from "../messages/mod.ts";
import { unpackError } from "../messages/mod.ts";

/** The most batches that a thread has at a time: it works on one while the other one waits. */
const MAX_BATCHES = 2;
/** The weight of the operations of one batch; a heavier one is sent alone. */
const MAX_WEIGHT = 500;

interface Waiting<T extends object> {
  readonly request: Request<T>;
  readonly weight: number;
  readonly transfer: readonly Transferable[];
}

/** Options of {@link StoreThread.ask}. */
export interface AskOptions {
  /** The part of a batch that the operation takes. Default 1. */
  readonly weight?: number;
  readonly transfer?: readonly Transferable[];
  /** True for an operation that may take long: a batch has at most one, after all others. */
  readonly isSlow?: boolean;
}

interface Pending {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Options of {@link StoreThread.open}. */
export interface ThreadOptions {
  readonly url: URL;
  readonly name: string;
  /** The first message. */
  readonly start: unknown;
  /** Returns the time of the store. */
  readonly now: () => number;
  /** Called after each batch: with the time of the next tick, and with jobs that have expired. */
  readonly onBatch?: (tickAt: number | undefined, ended: readonly string[]) => void;
}

/** A thread that could not open its database. It is damaged if `isDamaged`. */
export class ThreadStartError extends Error {
  override readonly name = "ThreadStartError";
  readonly isDamaged: boolean;
  constructor(message: string, isDamaged: boolean) {
    super(message);
    this.isDamaged = isDamaged;
  }
}

/**
 * A thread with a connection to the database. Operations that are asked in one turn of the event
 * loop, or while the thread has {@link MAX_BATCHES} batches, are sent in one message; the thread
 * runs it as one group.
 */
export class StoreThread<T extends object = Ops> {
  readonly #worker: Worker;
  readonly #options: ThreadOptions;
  readonly #pending = new Map<number, Pending>();
  #waiting: Waiting<T>[] = [];
  /** Operations that may take long; one goes with each batch. */
  #slow: Waiting<T>[] = [];
  #lastId = 0;
  #batches = 0;
  #isScheduled = false;
  #broken: Error | undefined;
  #onClosed: () => void = () => {};
  /** The first answer of the thread. */
  #opened: Opened | undefined;

  private constructor(worker: Worker, options: ThreadOptions) {
    this.#worker = worker;
    this.#options = options;
  }

  /**
   * Starts a thread.
   *
   * @throws {ThreadStartError} If it cannot open the database, or the thread cannot be started.
   */
  static async open<T extends object>(options: ThreadOptions): Promise<StoreThread<T>> {
    const { url, name, start } = options;
    const worker = new Worker(url, { type: "module", name });
    const thread = new StoreThread<T>(worker, options);
    const { promise, resolve, reject } = Promise.withResolvers<Opened>();
    worker.onmessage = ({ data }: MessageEvent<Opened>) => resolve(data);
    worker.onerror = (event) => {
      // Unhandled, the error would end the program.
      event.preventDefault();
      reject(new ThreadStartError(event.message, false));
    };
    try {
      worker.postMessage(start);
      const opened = await promise;
      if (!opened.opened) throw new ThreadStartError(opened.error, opened.isDamaged);
      thread.#opened = opened;
      worker.onmessage = ({ data }: MessageEvent<Answers | null>) => thread.#onMessage(data);
      worker.onerror = (event) => {
        event.preventDefault();
        thread.#break(new Error(`the thread of the store broke: ${event.message}`));
      };
      return thread;
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /** The highest time that was stored at the start. */
  get storedTime(): number {
    return this.#opened?.opened === true ? this.#opened.storedTime : 0;
  }

  /** Things that the operator should know. */
  get warnings(): readonly string[] {
    return this.#opened?.opened === true ? this.#opened.warnings : [];
  }

  /** Runs an operation. Returns the id of its message too. */
  ask<K extends keyof T>(
    op: K,
    ask: Ask<T, K>,
    { weight = 1, transfer = [], isSlow = false }: AskOptions = {},
  ): { readonly id: number; readonly answer: Promise<AnswerOf<T, K>> } {
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const answer = promise as Promise<AnswerOf<T, K>>;
    if (this.#broken !== undefined) {
      reject(this.#broken);
      return { id, answer };
    }
    this.#pending.set(id, { resolve, reject });
    const waiting = isSlow ? this.#slow : this.#waiting;
    waiting.push({ request: { id, op, ask }, weight, transfer });
    this.#schedule();
    return { id, answer };
  }

  /** Runs an operation. */
  call<K extends keyof T>(
    op: K,
    ask: Ask<T, K>,
    options?: AskOptions,
  ): Promise<AnswerOf<T, K>> {
    return this.ask(op, ask, options).answer;
  }

  /** Closes the database and ends the thread. Everything that was asked must be answered. */
  async close(): Promise<void> {
    if (this.#broken === undefined) {
      const closed = new Promise<void>((resolve) => this.#onClosed = resolve);
      this.#worker.postMessage(null);
      await closed;
    }
    this.#worker.terminate();
  }

  get #hasWaiting(): boolean {
    return this.#waiting.length > 0 || this.#slow.length > 0;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#batches >= MAX_BATCHES) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#send();
    });
  }

  #send(): void {
    while (this.#hasWaiting && this.#batches < MAX_BATCHES) {
      let weight = 0;
      let count = 0;
      for (const it of this.#waiting) {
        weight += it.weight;
        if (weight > MAX_WEIGHT && count > 0) break;
        count++;
      }
      const batch = [...this.#waiting.splice(0, count), ...this.#slow.splice(0, 1)];
      const message: Batch<T> = {
        now: this.#options.now(),
        requests: batch.map((it) => it.request),
      };
      this.#batches++;
      try {
        this.#worker.postMessage(message, batch.flatMap((it) => it.transfer));
      } catch (error) {
        this.#batches--;
        for (const { request } of batch) this.#settle(request.id)?.reject(error);
      }
    }
  }

  #onMessage(data: Answers | null): void {
    if (data === null) return this.#onClosed();
    this.#batches--;
    for (const it of data.answers) {
      const pending = this.#settle(it.id);
      if ("error" in it) pending?.reject(unpackError(it.error));
      else pending?.resolve(it.answer);
    }
    if (this.#hasWaiting) this.#schedule();
    this.#options.onBatch?.(data.tickAt, data.ended ?? []);
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #break(error: Error): void {
    this.#broken = new Error(messageOf(error), { cause: error });
    this.#waiting = [];
    this.#slow = [];
    for (const { reject } of this.#pending.values()) reject(this.#broken);
    this.#pending.clear();
    this.#onClosed();
  }
}

/** The question of an operation. */
export type Ask<T, K extends keyof T> = T[K] extends { readonly ask: infer A } ? A : never;
/** The answer of an operation. */
export type AnswerOf<T, K extends keyof T> = T[K] extends { readonly answer: infer A } ? A : never;
