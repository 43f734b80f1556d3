import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { AppEnv } from "./app_env.ts";
import { clientEnd, type Connections } from "./connections.ts";
import { TimeLimit, type Wait } from "./time_limit.ts";

/**
 * The age from which the signals of requests are followed. Most calls have ended by then; asking
 * the runtime for the signal of each would cost more than all the rest here.
 */
const FOLLOW_AFTER_MS = 20;
/** The age from which the connections of callers are looked at, and the interval of the looks. */
const LOOK_AFTER_MS = 1_000;
/** The time that a look may take. */
const LOOK_LIMIT_MS = 5_000;
/** The pause after a look that failed. */
const FAILURE_PAUSE_MS = 10_000;

/**
 * The client of one call, until the call ends. It leaves when its request is cancelled, or when
 * {@link Callers} find its connection closed.
 */
export class Caller implements Wait, EventListenerObject, Disposable {
  since = 0;
  isWaiting = false;
  earlier: Wait | undefined = undefined;
  later: Wait | undefined = undefined;
  /** True if the last look did not find its connection. */
  isMissing = false;
  readonly #request: Request;
  readonly #leaving = new AbortController();
  readonly #sender: AppEnv["Bindings"] | undefined;
  readonly #followed: TimeLimit;
  /** Aborts when the client may go on no longer. */
  readonly #ending: AbortSignal | undefined;
  /** The list that it is in. */
  #list: TimeLimit;
  #end: string | undefined;

  constructor(request: Request, { fresh, followed, sender, ending }: CallerPlace) {
    this.#request = request;
    this.#sender = sender;
    this.#followed = followed;
    this.#list = fresh;
    this.#ending = ending;
    fresh.begin(this);
    if (ending?.aborted) this.leave(ending.reason);
    else ending?.addEventListener("abort", this, { once: true });
  }

  /** A signal that aborts when the client leaves before its call has ended. */
  get signal(): AbortSignal {
    return this.#leaving.signal;
  }

  /** The client's end of the connection; see {@link clientEnd}. */
  get end(): string | undefined {
    return this.#end ??= clientEnd(this.#sender?.remoteAddr);
  }

  /** Called when its request was cancelled, or its client may go on no longer. */
  handleEvent(): void {
    this.leave(this.#ending?.aborted ? this.#ending.reason : undefined);
  }

  onLate(): void {
    this.follow();
  }

  /** Begins to listen to the signal of its request. */
  follow(): void {
    const { signal } = this.#request;
    if (this.signal.aborted) return;
    this.#list.end(this);
    this.#list = this.#followed;
    this.#list.begin(this);
    if (signal.aborted) this.leave();
    else signal.addEventListener("abort", this, { once: true });
  }

  /** Cancels the call. Does nothing if the call has ended. */
  leave(reason: unknown = new DOMException("The client left", "AbortError")): void {
    if (!this.isWaiting) return;
    this.close();
    this.#leaving.abort(reason);
  }

  /** Ends the wait for the client to leave, since the call has ended. */
  close(): void {
    this.#list.end(this);
    this.#ending?.removeEventListener("abort", this);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

interface CallerPlace {
  /** The callers whose requests are not followed yet. */
  readonly fresh: TimeLimit;
  readonly followed: TimeLimit;
  readonly sender: AppEnv["Bindings"] | undefined;
  readonly ending: AbortSignal | undefined;
}

/**
 * The clients of open calls. Once a body has needed a second read, the runtime does not read from
 * the connection until it has answered, so it does not notice that the client closes it (Deno
 * 2.9.6). The system knows: calls that take longer than a second are looked up there, once a
 * second.
 */
export class Callers implements Disposable {
  readonly #log = getLogger("http");
  readonly #fresh = new TimeLimit(FOLLOW_AFTER_MS);
  readonly #followed = new TimeLimit(Infinity);
  readonly #stopping = new AbortController();
  /** The ends of clients that may go on no longer at some time, by their requests. */
  readonly #endings = new WeakMap<Request, AbortSignal>();
  #isStarted = false;
  /** Set while there are fresh callers. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #connections: Connections | undefined;
  #isLooking = false;
  #nextLookAt = 0;
  #hasWarned = false;

  /** Begins to follow requests late. Until then, requests are followed at once, without a timer. */
  start(): void {
    this.#isStarted = true;
  }

  /** Lets the client of a request leave when the signal aborts, whatever it calls. */
  endWith(request: Request, ending: AbortSignal): void {
    this.#endings.set(request, ending);
  }

  /** Returns the client of a call; whoever opens it must close it when the call has ended. */
  open(request: Request, sender: AppEnv["Bindings"] | undefined): Caller {
    const caller = new Caller(request, {
      fresh: this.#fresh,
      followed: this.#followed,
      sender,
      ending: this.#endings.get(request),
    });
    if (!this.#isStarted) caller.follow();
    else this.#timer ??= this.#tickLater();
    return caller;
  }

  /** Begins to look at connections, whenever {@link Callers.check} is called. */
  watch(connections: Connections): void {
    this.#connections = connections;
  }

  /** Begins to look at the connections of old calls, if it is time. */
  check(): void {
    const connections = this.#connections;
    const now = performance.now();
    if (connections === undefined || this.#isLooking || now < this.#nextLookAt) return;
    const callers: Caller[] = [];
    for (const caller of this.#followed.olderThan(LOOK_AFTER_MS)) {
      if (caller instanceof Caller && caller.end !== undefined) callers.push(caller);
    }
    if (callers.length === 0) return;
    this.#nextLookAt = now + LOOK_AFTER_MS;
    void this.#look(callers, connections);
  }

  /** Ends the look that is under way, and begins no other. */
  [Symbol.dispose](): void {
    this.#isStarted = false;
    clearTimeout(this.#timer);
    this.#connections = undefined;
    this.#stopping.abort();
  }

  #tickLater(): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      this.#fresh.check();
      this.#timer = this.#fresh.isEmpty ? undefined : this.#tickLater();
    }, FOLLOW_AFTER_MS);
  }

  async #look(callers: readonly Caller[], connections: Connections): Promise<void> {
    this.#isLooking = true;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error("it took too long")), LOOK_LIMIT_MS);
    try {
      const ends = callers.map(({ end = "" }) => end);
      const signal = AbortSignal.any([this.#stopping.signal, late.signal]);
      const states = await connections.statesOf(ends, signal);
      for (const caller of callers) judge(caller, states);
    } catch (error) {
      this.#onFailure(error);
    } finally {
      clearTimeout(timer);
      this.#isLooking = false;
    }
  }

  #onFailure(error: unknown): void {
    if (this.#stopping.signal.aborted) return;
    this.#nextLookAt = performance.now() + FAILURE_PAUSE_MS;
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#log.debug(
      "cannot see which clients have left, so their calls may run to the end: {reason}",
      { reason: messageOf(error) },
    );
  }
}

/**
 * Lets a caller leave whose connection is closed, or was missing twice: a list that changes while
 * it is read may lack an entry once.
 */
function judge(caller: Caller, states: Awaited<ReturnType<Connections["statesOf"]>>): void {
  const state = states.get(caller.end ?? "");
  if (state === "closed" || (state === undefined && caller.isMissing)) caller.leave();
  caller.isMissing = state === undefined;
}
