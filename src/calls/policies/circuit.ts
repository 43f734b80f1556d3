import {
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState as State,
  ConsecutiveBreaker,
  handleWhen,
} from "cockatiel";
import type { BreakerConfig } from "../../config/mod.ts";
import { type ErrorCode, SnakedenError } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { CircuitInfo, CircuitState } from "../../pool/mod.ts";

/** Error codes that prove the worker is alive. */
const ANSWERS: readonly ErrorCode[] = [
  "python_exception",
  "invalid_arguments",
  "unknown_tool",
  "result_too_large",
  "invalid_value",
];

/** The pause that is suggested to callers while trial calls are under way. */
const HALF_OPEN_RETRY_MS = 1_000;

/**
 * A circuit breaker. {@link CircuitState} has its states, and cockatiel is the state machine. A
 * call that must not pass is refused, and never waits.
 */
export class Circuit {
  readonly name: string;
  readonly #options: BreakerConfig;
  readonly #counter: ConsecutiveBreaker;
  readonly #breaker: CircuitBreakerPolicy;
  readonly #log = getLogger("pool");
  #openUntil = 0;
  /** The number of calls that have passed since it is half open. */
  #probes = 0;
  #opened = 0;
  #refused = 0;
  #lastFailure: ErrorCode | undefined;
  #isResetting = false;

  /** @param name For texts, such as `the pool default`. */
  constructor(name: string, options: BreakerConfig) {
    this.name = name;
    this.#options = options;
    this.#counter = new ConsecutiveBreaker(options.threshold);
    this.#breaker = circuitBreaker(handleWhen((error) => this.#isFailure(error)), {
      breaker: this.#counter,
      halfOpenAfter: options.resetMs,
      halfOpenSampling: { calls: options.halfOpenCalls, threshold: 0 },
    });
    this.#breaker.onBreak(() => this.#onOpen());
    this.#breaker.onHalfOpen(() => {
      this.#probes = 0;
      this.#log.info("the circuit of {circuit} lets calls through to try it out", this.#context);
    });
    this.#breaker.onReset(() => {
      this.#log.info("the circuit of {circuit} is closed again", this.#context);
    });
  }

  get info(): CircuitInfo {
    const { state } = this;
    return {
      state,
      failures: this.#counter.state,
      opened: this.#opened,
      refused: this.#refused,
      ...(this.#lastFailure === undefined ? {} : { lastFailure: this.#lastFailure }),
      ...(state === "open" ? { retryAfterMs: this.#openUntil - Date.now() } : {}),
    };
  }

  get state(): CircuitState {
    if (this.#breaker.state === State.Closed) return "closed";
    // cockatiel turns to half open when the next call comes.
    const isOpen = this.#breaker.state === State.Open && Date.now() < this.#openUntil;
    return isOpen ? "open" : "half_open";
  }

  /**
   * Returns the error if a call must not pass now. If there is none, {@link Circuit.run} must
   * follow at once.
   */
  refusal(tool: string): SnakedenError | undefined {
    const { state } = this;
    const isTried = this.#breaker.state === State.HalfOpen &&
      this.#probes >= this.#options.halfOpenCalls;
    if (state === "closed" || (state === "half_open" && !isTried)) return undefined;
    this.#refused++;
    const { retryAfterMs = HALF_OPEN_RETRY_MS } = this.info;
    const last = this.#lastFailure === undefined ? "" : `, the last one ${this.#lastFailure}`;
    const text = isTried
      ? `is being tried out after ${this.#options.threshold} failures in a row${last}`
      : `is open for another ${retryAfterMs} ms after failures in a row${last}`;
    return new SnakedenError(
      "circuit_open",
      `Cannot call ${tool}: the circuit of ${this.name} ${text}`,
      {
        retryable: true,
        details: { circuit: this.name, state, retryAfterMs, lastFailure: this.#lastFailure },
      },
    );
  }

  /** Makes a call and counts how it ends. */
  async run<T>(attempt: () => Promise<T>): Promise<T> {
    // As far as the first promise this runs at once, so what refusal() has found still holds.
    const end = this.#breaker.execute(attempt);
    if (this.#breaker.state === State.HalfOpen) this.#probes++;
    return await end;
  }

  /** Closes the circuit and forgets all failures, because the code behind it has changed. */
  reset(): void {
    this.#counter.success();
    if (this.state === "closed") return;
    this.#isResetting = true;
    this.#breaker.isolate().dispose();
    this.#isResetting = false;
    this.#openUntil = 0;
  }

  #onOpen(): void {
    // The policy can be closed only by way of its manual opening.
    if (this.#isResetting) return;
    this.#opened++;
    this.#openUntil = Date.now() + this.#options.resetMs;
    this.#log.warn(
      "the circuit of {circuit} is open for {resetMs} ms: {failures} failures in a row",
      {
        ...this.#context,
        resetMs: this.#options.resetMs,
        failures: this.#counter.state,
        lastFailure: this.#lastFailure,
      },
    );
  }

  #isFailure(error: unknown): boolean {
    const code = error instanceof SnakedenError ? error.code : undefined;
    if (code !== undefined && this.#options.codes.includes(code)) {
      this.#lastFailure = code;
      return true;
    }
    // A call that is to try it out and is cancelled, or finds the queue full, has shown nothing.
    return this.#breaker.state === State.HalfOpen &&
      (code === undefined || !ANSWERS.includes(code));
  }

  get #context(): { readonly circuit: string } {
    return { circuit: this.name };
  }
}
