import type { Clock } from "../../../async/mod.ts";
import { getLogger } from "../../../log.ts";

/** The longest rest of a device, unless the limits of a pool ask for a longer one. */
const LONGEST_REST_MS = 300_000;
/** The time that a worker must run on a device in doubt to prove it, if it answers no call. */
const TRIAL_MS = 10_000;
/** The most crashes that are kept; no pool allows as many. */
const MAX_CRASHES = 1_024;

/** A crash of a worker on a device, and the limits of its pool. */
export interface DeviceCrash {
  /** The length of the window in which crashes are counted. */
  readonly crashWindowMs: number;
  /** The number of crashes within the window that makes the device unhealthy; 0 for never. */
  readonly taintAfter: number;
  /** The time for which nothing is started on an unhealthy device. */
  readonly taintMs: number;
  /** The call that the worker ran. Further crashes of the same call are not counted. */
  readonly callId?: string | undefined;
}

/** The one worker that is started on a device in doubt. Once it is decided, nothing has effect. */
export interface Trial {
  /** The worker is ready: it proves the device unless it ends soon. */
  begin(): void;
  /** The worker has answered a call, which proves the device. */
  prove(): void;
  /** The worker is gone, and has proved nothing. Another one may try the device. */
  giveUp(): void;
}

type DeviceState =
  | { readonly name: "healthy" }
  /** Nothing is started until the rest is over; then the first slot that asks gets the trial. */
  | { readonly name: "resting"; readonly until: number }
  | { readonly name: "tried"; readonly trial: Trial };

/** A slot that waits for a device. */
type Waiter = (trial: Trial | undefined) => void;

/**
 * The crashes of one device, and what follows from them; see {@link DeviceHealth}.
 *
 * `healthy` -> `resting` by too many crashes; `resting` -> `tried` when the rest is over and a slot
 * asks; `tried` -> `resting` by a crash, or when the trial is given up (the rest is over then);
 * `tried` -> `healthy` when the trial succeeds; any -> `healthy` by {@link DeviceRecord.clear}.
 */
export class DeviceRecord {
  readonly #deviceId: string;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #log = getLogger("pool");
  /** The slots that wait, in the order in which they came. */
  readonly #waiters = new Set<Waiter>();
  #crashes: readonly { readonly at: number; readonly callId: string | undefined }[] = [];
  #state: DeviceState = { name: "healthy" };
  #reason = "";
  #restMs = 0;
  #stopTimer: (() => void) | undefined;

  /** @param onChange Called after each change of the state. */
  constructor(deviceId: string, clock: Clock, onChange: () => void) {
    this.#deviceId = deviceId;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get isHealthy(): boolean {
    return this.#state.name === "healthy";
  }

  /** The rest of its rest; 0 if it is over. */
  get remainingMs(): number {
    if (this.#state.name !== "resting") return 0;
    return Math.max(0, Math.ceil(this.#state.until - this.#clock.now()));
  }

  /** The reason why it is unhealthy, and when it is tried again; empty if it is healthy. */
  get reason(): string {
    if (this.isHealthy) return "";
    const { remainingMs } = this;
    const outlook = remainingMs > 0
      ? `is tried again in ${remainingMs} ms`
      : "is being tried again";
    return `${this.#reason}; it ${outlook}`;
  }

  /** Counts a crash that a worker on the device itself caused. */
  crashed({ crashWindowMs, taintAfter, taintMs, callId }: DeviceCrash): void {
    const now = this.#clock.now();
    // A worker that was started earlier: no other one is started anyway.
    if (taintAfter === 0 || this.remainingMs > 0) return;
    const known = callId !== undefined && this.#crashes.some((it) => it.callId === callId);
    if (known) return;
    this.#crashes = [...this.#crashes, { at: now, callId }].slice(-MAX_CRASHES);
    if (!this.isHealthy) {
      this.#rest("a worker crashed on it when it was tried again", { taintMs });
      return;
    }
    const recent = this.#crashes.filter(({ at }) => now - at < crashWindowMs).length;
    if (recent < taintAfter) return;
    const times = recent === 1 ? "once" : `${recent} times`;
    this.#restMs = 0;
    this.#rest(`its workers crashed ${times} within ${crashWindowMs} ms`, { taintMs });
  }

  /**
   * Resolves when a worker may be started on the device: with undefined if it is healthy, or if
   * `signal` aborts; otherwise with the trial, which the worker must decide or give up.
   */
  async turn(signal: AbortSignal): Promise<Trial | undefined> {
    if (this.isHealthy || signal.aborted) return undefined;
    const { promise, resolve } = Promise.withResolvers<Trial | undefined>();
    const onAbort = (): void => {
      // At once, so that it is given no trial that nobody would decide.
      this.#waiters.delete(resolve);
      resolve(undefined);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#waiters.add(resolve);
    this.#serveWaiters();
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#waiters.delete(resolve);
      if (this.#waiters.size === 0 && this.#state.name === "resting") this.#disarm();
    }
  }

  /** Forgets the crashes. The device is healthy. */
  clear(): void {
    this.#crashes = [];
    if (!this.isHealthy) this.#recover("its crashes are forgotten");
  }

  #rest(reason: string, { taintMs }: { readonly taintMs: number }): void {
    const longestMs = Math.max(taintMs, LONGEST_REST_MS);
    this.#restMs = Math.min(Math.max(taintMs, 2 * this.#restMs), longestMs);
    this.#reason = reason;
    this.#log.warn("{deviceId} is unhealthy: {reason}; nothing is started on it for {pauseMs} ms", {
      deviceId: this.#deviceId,
      reason,
      pauseMs: this.#restMs,
    });
    this.#change({ name: "resting", until: this.#clock.now() + this.#restMs });
  }

  #recover(why: string): void {
    const { length: crashes } = this.#crashes;
    this.#log.info("{deviceId} is healthy again: {why}", {
      deviceId: this.#deviceId,
      why,
      crashes,
    });
    this.#crashes = [];
    this.#change({ name: "healthy" });
  }

  #change(state: DeviceState): void {
    this.#disarm();
    this.#state = state;
    this.#serveWaiters();
    this.#onChange();
  }

  /** Lets those start that may, and sets the timer for the next one. */
  #serveWaiters(): void {
    if (this.#state.name === "healthy") {
      for (const waiter of this.#waiters) waiter(undefined);
      this.#waiters.clear();
      return;
    }
    const [first] = this.#waiters;
    if (this.#state.name === "tried" || first === undefined) return;
    const { remainingMs } = this;
    if (remainingMs > 0) this.#arm(remainingMs, () => this.#serveWaiters());
    else {
      this.#waiters.delete(first);
      const trial = this.#trial();
      first(trial);
      this.#change({ name: "tried", trial });
    }
  }

  #trial(): Trial {
    const ifOpen = (act: () => void) => (): void => {
      if (this.#state.name === "tried" && this.#state.trial === trial) act();
    };
    const prove = (why: string): void => this.#recover(`a worker ${why} on it`);
    const trial: Trial = {
      begin: ifOpen(() => this.#arm(TRIAL_MS, () => prove(`has run for ${TRIAL_MS} ms`))),
      prove: ifOpen(() => prove("has answered a call")),
      giveUp: ifOpen(() => this.#change({ name: "resting", until: this.#clock.now() })),
    };
    return trial;
  }

  #arm(delayMs: number, ring: () => void): void {
    this.#disarm();
    this.#stopTimer = this.#clock.after(delayMs, ring);
  }

  #disarm(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }
}
