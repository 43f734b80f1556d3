import type { Clock } from "../../async/mod.ts";
import type { ApiKeyWatch } from "../../config/mod.ts";
import { SnakedenError } from "../../errors.ts";
import { ApiKeys, markOfKey } from "./api_keys.ts";
import { addressOf, type Sender } from "./remote_address.ts";
import { WrongKeys } from "./wrong_keys.ts";

/** The interval at which the key file is looked at, and wrong keys are logged. */
const TICK_MS = 1_000;

/** Options of a {@link KeyGuard}. */
export interface KeyGuardOptions {
  /** The file that the keys came from, whose changes are taken over. */
  readonly watch?: ApiKeyWatch | undefined;
  readonly clock?: Clock;
}

/** The refusal of a wrong key. */
export class WrongKeyError extends SnakedenError {
  /** The time that the response must wait. */
  readonly delayMs: number;

  constructor(delayMs: number) {
    super(
      "unauthenticated",
      "Cannot take the request: its API key is wrong; check that it is complete and still valid",
    );
    this.delayMs = delayMs;
  }
}

const NO_KEY = "Cannot take the request: it has no API key; send it as " +
  "`authorization: Bearer KEY` or `x-api-key: KEY`, or open `/` or `/docs` in a browser";

/**
 * Keeps out requests without a valid API key. It delays and logs wrong keys, and takes over keys
 * from a changed file, once it is started.
 */
export class KeyGuard implements Disposable {
  readonly #keys: ApiKeys | undefined;
  readonly #wrong: WrongKeys;
  readonly #watch: ApiKeyWatch | undefined;
  /** Ends what was begun with a key, by the mark of the key. */
  readonly #removals = new Map<string, AbortController>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param apiKey The valid keys; undefined to let every request pass. */
  constructor(apiKey?: string | readonly string[], { watch, clock }: KeyGuardOptions = {}) {
    this.#keys = apiKey === undefined ? undefined : new ApiKeys([apiKey].flat());
    this.#watch = watch;
    this.#wrong = new WrongKeys(clock);
  }

  /** True when requests must have a key. */
  get needsKey(): boolean {
    return this.#keys !== undefined;
  }

  /** Returns a mark of the client that sent a request: that of its key, if requests need one. */
  ownerOf(headers: Headers): string {
    return this.needsKey ? markOfKey(headers) : "";
  }

  /**
   * Returns a signal that aborts when the key of a request, which must be valid, is removed. For
   * what goes on without another request; undefined if requests need no key.
   */
  removalOf(headers: Headers): AbortSignal | undefined {
    if (!this.needsKey) return undefined;
    const mark = markOfKey(headers);
    let removal = this.#removals.get(mark);
    if (removal === undefined) this.#removals.set(mark, removal = new AbortController());
    return removal.signal;
  }

  /** Begins to log wrong keys and to follow the file. */
  start(): this {
    if (this.needsKey) this.#timer ??= setInterval(() => void this.tick(), TICK_MS);
    return this;
  }

  /** Logs the wrong keys that are due, and takes over the keys of a changed file. */
  async tick(): Promise<void> {
    this.#wrong.report();
    const keys = await this.#watch?.look();
    if (keys === undefined || this.#keys === undefined) return;
    this.#keys.replace(keys);
    for (const [mark, removal] of [...this.#removals]) {
      if (this.#keys.has(mark)) continue;
      this.#removals.delete(mark);
      removal.abort();
    }
  }

  /**
   * Refuses a request without a valid key.
   *
   * @throws {SnakedenError} `unauthenticated`; a {@link WrongKeyError} if it has a key.
   */
  check(headers: Headers, sender: Sender | undefined): void {
    const shown = this.#keys?.shownIn(headers) ?? "right";
    if (shown === "wrong") throw new WrongKeyError(this.#wrong.count(addressOf(sender)));
    if (shown === "none") throw new SnakedenError("unauthenticated", NO_KEY);
  }

  /** Holds back the response to a wrong key; returns early when the client leaves. */
  hold({ delayMs }: WrongKeyError, signal: AbortSignal): Promise<void> {
    return this.#wrong.delay(delayMs, signal);
  }

  /** Logs what has not been logged yet, and sends the refusals that are held back. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#wrong[Symbol.dispose]();
  }
}
