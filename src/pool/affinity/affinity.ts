import type { SnakedenError, WorkerExit } from "../../errors.ts";
import type { AffinityMode, Call, CallQueue, CallRequest } from "../calls/mod.ts";
import type { Worker } from "../workers/mod.ts";
import { Binding, type Standing } from "./binding.ts";
import { type BindingLimits, BindingTable } from "./binding_table.ts";
import { describeEnd, describeLeaving, Home } from "./home.ts";
import { SessionCall } from "./session_call.ts";
import { tooManySessions } from "./session_errors.ts";
import { ToolBinding } from "./tool_binding.ts";

/** Options of {@link Affinity}. */
export interface AffinityOptions extends Partial<BindingLimits> {
  /** The mode of calls that name none. Default `hint`. */
  readonly affinity?: AffinityMode;
}

const DEFAULT_LIMITS: BindingLimits = { affinityLimit: 100_000, affinityTtlMs: 3_600_000 };

/** The worker that a session is bound to. */
export interface SessionWorker {
  /** Undefined if the worker is one of a host before. */
  readonly workerId: string | undefined;
  readonly incarnation: string | undefined;
  /** The fate of the worker; undefined while it takes calls. */
  readonly end: string | undefined;
  /** True if strict calls of the session go to no other worker. */
  readonly isStrict: boolean;
}

/**
 * Keeps the calls of sessions to their workers. A worker is one process: its successor, which has
 * the same id, is another one.
 *
 * A strict call waits in the queue of its worker, apart from the queue of all workers, so that
 * neither holds the other up. While its session is bound to no worker, it waits in the queue of all
 * workers; the first one that is sent binds the session, and the others follow it. When a worker
 * takes no more calls, the strict calls that wait for it are refused, since no other worker has the
 * state of their sessions.
 *
 * It never sends a call. The dispatcher asks it where a call may go, and reports what happens.
 */
export class Affinity {
  /** The mode of calls that name none. */
  readonly mode: AffinityMode;
  readonly #limits: BindingLimits;
  readonly table: BindingTable;
  /** The queue of all workers. */
  readonly #common: CallQueue<Call>;
  readonly #homes = new Map<Worker, Home>();
  #waiting = 0;

  constructor(options: AffinityOptions, common: CallQueue<Call>) {
    this.mode = options.affinity ?? "hint";
    this.#limits = { ...DEFAULT_LIMITS, ...options };
    this.table = new BindingTable(this.#limits);
    this.#common = common;
  }

  /** The number of calls that wait for one worker alone. */
  get waiting(): number {
    return this.#waiting;
  }

  /** The number of sessions that are remembered. */
  get sessions(): number {
    return this.table.size;
  }

  /** Returns the worker of a session; undefined if it has none. */
  workerOf(sessionId: string, now: number): SessionWorker | undefined {
    const { home, isStrict = false } = this.table.get(sessionId, now) ?? {};
    if (home === undefined) return undefined;
    const { workerId, incarnation, end } = home;
    return { workerId, incarnation, end: end?.text, isStrict };
  }

  /** Forgets a session that has ended. Its calls that wait or run are not affected. */
  forget(sessionId: string, now: number): void {
    const binding = this.table.get(sessionId, now);
    if (binding !== undefined) this.table.delete(binding);
  }

  // ---- sessions in the store ----

  /** Returns what is known of a session in the store. */
  standingOf(sessionId: string, now: number): Standing {
    return this.table.get(sessionId, now)?.standing ?? "unknown";
  }

  /**
   * Notes what is known of a session, right before its strict call. With `lostBecause`, its worker
   * has ended so before this pool was started.
   *
   * @throws {SnakedenError} `session_quota_exceeded`.
   */
  note(
    sessionId: string,
    { standing, tool, lostBecause }: {
      readonly standing: Standing;
      readonly tool: string;
      readonly lostBecause?: string;
    },
    now: number,
  ): void {
    let binding = this.table.get(sessionId, now) ?? this.table.add(sessionId, true, now);
    if (binding === undefined) throw tooManySessions(tool, { ...this.#limits, sessionId });
    if (lostBecause !== undefined && !(binding.isStrict && binding.home !== undefined)) {
      binding = new Binding(sessionId, true, now);
      binding.home = new Home(undefined, { text: lostBecause, reason: "host_ended" });
      binding.hasRun = true;
      this.table.put(binding);
    }
    binding.standing = standing;
  }

  /**
   * Notes that a session was opened. If its id was that of a session which has ended, that one is
   * forgotten.
   */
  opened(sessionId: string, now: number): void {
    const binding = this.table.get(sessionId, now);
    if (binding?.standing === "stored") this.table.delete(binding);
    else if (binding !== undefined) binding.standing = "unknown";
  }

  // ---- a new call ----

  /**
   * Returns the session's part of a new call, the error that refuses the call, or undefined if the
   * call keeps to no worker. A call that is refused after that must be released.
   */
  admit(request: CallRequest, now: number): SessionCall | SnakedenError | undefined {
    const { sessionId, affinity = this.mode, rebind = false, tool } = request;
    if (sessionId === undefined) return undefined;
    const isStrict = affinity !== "hint";
    let binding = this.table.get(sessionId, now);
    if (binding === undefined) {
      binding = this.table.add(sessionId, isStrict, now);
      if (binding === undefined) {
        return isStrict ? tooManySessions(tool, { ...this.#limits, sessionId }) : undefined;
      }
      return new SessionCall(binding, affinity, rebind);
    }
    binding.usedAt = now;
    if (isStrict) {
      const { fate } = binding;
      // Also if it is refused: a hint must not end the loss that its caller has learnt.
      if (!binding.isStrict) this.table.harden(binding);
      if (rebind && binding.isGone) binding = this.#renewed(binding, now);
      else if (fate === "lost") return binding.unavailable(tool);
    }
    return new SessionCall(binding, affinity, rebind);
  }

  /**
   * Returns the binding of calls that only this worker may run; undefined if it takes no calls.
   * `onEnd` is called when it takes no more and the reason is known.
   */
  bindingTo(worker: Worker, onEnd: () => void): ToolBinding | undefined {
    const home = this.#homes.get(worker);
    if (home === undefined || home.hasLeft) return undefined;
    home.onEnd = onEnd;
    return new ToolBinding(home, 0);
  }

  /** Returns the error of a new call that does not wait although its worker has no room. */
  refusalToWait(tool: string, session: SessionCall | undefined): SnakedenError | undefined {
    if (session === undefined || !session.failsFast) return undefined;
    const { binding } = session;
    // The exit of a worker that has died may not be known yet.
    if (binding.isGone) return binding.unavailable(tool);
    return binding.busy(tool);
  }

  /** Notes that a call that was admitted is refused after all, and returns its error. */
  released(session: SessionCall | undefined, refusal: SnakedenError): SnakedenError {
    if (session !== undefined) this.release(session);
    return refusal;
  }

  /**
   * Notes that a call has left the queue for good. A binding that nobody has used is forgotten; if
   * the session was to start again with it, the session is lost as before.
   */
  release({ binding }: SessionCall): void {
    const { home, isIdle, isStrict, lost } = binding;
    if (!isStrict || home !== undefined || !isIdle || !this.table.has(binding)) return;
    if (lost === undefined) this.table.delete(binding);
    else {
      lost.usedAt = binding.usedAt;
      this.table.put(lost);
    }
  }

  // ---- calls that wait ----

  /** Returns the calls that wait for this worker alone. */
  queueOf(worker: Worker): CallQueue<Call> | undefined {
    return this.#homes.get(worker)?.queue;
  }

  /** The workers for which calls wait. */
  get awaited(): readonly Worker[] {
    return [...this.#homes].filter(([, { queue }]) => queue.size > 0).map(([worker]) => worker);
  }

  /** Queues a call, in its old place if it has waited before. */
  enqueue(call: Call, { binding, isStrict }: SessionCall): void {
    if (!isStrict) return this.#common.putBack(call);
    (binding.waiting ??= new Set()).add(call);
    if (binding.home === undefined) return this.#common.putBack(call);
    binding.home.queue.putBack(call);
    this.#waiting++;
  }

  /** Takes a call out of its queue; one that does not wait is ignored. */
  takeOut(call: Call, { binding }: SessionCall): void {
    binding.waiting?.delete(call);
    if (binding.home?.queue.remove(call)) this.#waiting--;
    else this.#common.remove(call);
  }

  /** Takes out any call that waits for one worker; returns undefined if there is none. */
  shift(): Call | undefined {
    for (const { queue } of this.#homes.values()) {
      const call = queue.shift();
      if (call === undefined) continue;
      this.#waiting--;
      SessionCall.of(call)?.binding.waiting?.delete(call);
      return call;
    }
    return undefined;
  }

  /**
   * Decides what happens to a call that came back from its worker: returns its error, or undefined
   * if it may wait again.
   */
  readmit(call: Call, session: SessionCall): SnakedenError | undefined {
    const { binding, isStrict, failsFast, mayRebind } = session;
    if (!isStrict) return undefined;
    if (binding.fate === "lost") {
      if (!mayRebind) return binding.unavailable(call.tool);
      session.binding = this.#renewed(binding, call.now);
    }
    return failsFast ? session.binding.busy(call.tool) : undefined;
  }

  // ---- calls in flight ----

  /** Notes that a call is sent, which binds its session if it is not bound yet. */
  sent(call: Call, { binding, isStrict }: SessionCall, worker: Worker): void {
    if (!isStrict) return;
    binding.waiting?.delete(call);
    if (binding.home === undefined) this.#bind(binding, worker);
    binding.inFlight++;
    if (!binding.hasRun) binding.opener ??= call;
  }

  /** Notes that a worker has answered a call. */
  answered({ binding, isStrict }: SessionCall, worker: Worker, now: number): void {
    if (isStrict) {
      binding.usedAt = now;
      this.#ran(binding);
      if (binding.home?.end !== undefined) this.#settle(binding);
    } else if (!binding.isStrict && binding.home?.worker !== worker) {
      const home = this.#homes.get(worker);
      if (home === undefined || home.hasLeft) return;
      binding.home = home;
      binding.hasRun = true;
    }
  }

  /** Notes that a call came back from a worker that did not begin it. */
  cameBack(call: Call, { binding, isStrict }: SessionCall): void {
    if (!isStrict) return;
    binding.inFlight--;
    if (binding.opener === call) binding.opener = undefined;
    if (!binding.hasRun && binding.inFlight === 0) this.#unbind(binding);
  }

  /**
   * Notes that a worker has answered a call that it did not run, since that was cancelled or late.
   * Returns true if the session is free again, and with it the calls that wait for its worker.
   */
  skipped(call: Call, session: SessionCall): boolean {
    this.cameBack(call, session);
    this.release(session);
    return session.isStrict && session.binding.home === undefined;
  }

  // ---- workers ----

  /** Notes that a worker takes calls. */
  joined(worker: Worker): void {
    this.#homes.set(worker, new Home(worker));
  }

  /** Notes that a worker takes no more calls. If it died, {@link Affinity.exited} follows. */
  left(worker: Worker): void {
    const home = this.#homes.get(worker);
    if (home === undefined || home.hasLeft) return;
    home.hasLeft = true;
    if (worker.state === "gone") return;
    home.end = describeLeaving(worker);
    this.#settleAll(home);
  }

  /** Notes that a worker has exited, before its calls in flight are judged. */
  exited(worker: Worker, exit: WorkerExit): void {
    const home = this.#homes.get(worker);
    if (home === undefined) return;
    this.#homes.delete(worker);
    const { lost, unstarted } = worker.inFlightAtExit;
    for (const { call } of lost) {
      const session = SessionCall.of(call);
      if (session?.isStrict) this.#ran(session.binding);
    }
    for (const { call } of unstarted) {
      const session = SessionCall.of(call);
      if (session !== undefined) this.cameBack(call, session);
    }
    home.hasLeft = true;
    home.end ??= describeEnd(worker, exit);
    home.worker = undefined;
    this.#settleAll(home);
  }

  // ---- bindings ----

  #ran(binding: Binding): void {
    binding.inFlight--;
    binding.hasRun = true;
    binding.opener = binding.lost = undefined;
    if (binding.isIdle) binding.waiting = undefined;
  }

  #bind(binding: Binding, worker: Worker): void {
    const home = this.#homes.get(worker);
    binding.home = home;
    if (home === undefined) return;
    for (const call of binding.waiting ?? []) {
      if (!this.#common.remove(call)) continue;
      home.queue.putBack(call);
      this.#waiting++;
    }
  }

  #unbind(binding: Binding): void {
    const { home } = binding;
    binding.home = undefined;
    for (const call of binding.waiting ?? []) {
      if (!home?.queue.remove(call)) continue;
      this.#waiting--;
      this.#common.putBack(call);
    }
  }

  /** Settles all bindings for whose calls a worker takes no more. */
  #settleAll(home: Home): void {
    const bindings = new Set(home.queue.entries.map((call) => SessionCall.of(call)?.binding));
    for (const binding of bindings) if (binding?.fate === "lost") this.#settle(binding);
    home.onEnd?.();
  }

  /** Refuses the calls that wait for a lost binding, except those that may rebind the session. */
  #settle(binding: Binding): void {
    for (const call of [...binding.waiting ?? []]) {
      const session = SessionCall.of(call);
      if (session?.mayRebind) {
        this.takeOut(call, session);
        session.binding = this.#renewed(binding, call.now);
        this.enqueue(call, session);
      } else call.withdraw(binding.unavailable(call.tool));
    }
  }

  /**
   * Returns the binding with which a session starts again. All calls that rebind it at a time share
   * one.
   */
  #renewed(lost: Binding, now: number): Binding {
    const { sessionId } = lost;
    const current = this.table.get(sessionId, now);
    if (current !== undefined && current !== lost && current.fate !== "lost") {
      if (!current.isStrict) this.table.harden(current);
      return current;
    }
    if (current === undefined) {
      return this.table.add(sessionId, true, now) ?? new Binding(sessionId, true, now);
    }
    const binding = new Binding(sessionId, true, now);
    binding.standing = current.standing;
    binding.lost = current;
    this.table.put(binding);
    return binding;
  }
}
