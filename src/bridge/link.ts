import { messageOf } from "../errors.ts";
import { getLogger } from "../log.ts";
import type { Carrier, OutgoingCall as UnsentCall } from "./carriers/mod.ts";
import type {
  Error as WireError,
  Hello,
  Log,
  Ready,
  Value as WireValue,
  WelcomeInit,
  WorkerFrame,
  WorkerMessage,
} from "./gen/link.js";
import { brokeProtocol, linkLost, LOST_BUFFER, UNKNOWN_ERROR } from "./link_errors.ts";
import { OpenCalls } from "./open_calls.ts";
import { OpenPings } from "./open_pings.ts";
import { Outbox } from "./outbox.ts";
import { fetchShared, placeShared, type Slab } from "./shared_memory/mod.ts";
import { startFailure } from "./start_failure.ts";
import { Value } from "./values/mod.ts";

/**
 * Receives what a worker sends about one call. Exactly one of `onResult`, `onFailure` and
 * `onRecalled` is called, and it is called last.
 */
export interface CallListener {
  onResult(value: Value, runMs: number): void;
  onFailure(error: WireError, runMs: number): void;
  /** The worker gave the call back: it was not started, and will not be there. */
  onRecalled(): void;
  onChunk(value: Value): void;
  onProgress(value: Value): void;
}

/** A call to send; the link gives it its id. */
export interface OutgoingCall {
  readonly tool: string;
  readonly args: Value;
  /** The rest of the deadline. */
  readonly timeoutMs: number;
  readonly stream: boolean;
  readonly windowBytes: number;
  readonly sessionId: string;
  readonly requestId: string;
}

/** Events of a link other than those of calls. */
export interface LinkEvents {
  onLog(entry: Log): void;
  /** The worker has reported how much memory it and its children hold. */
  onMemory?(rssBytes: number): void;
  /**
   * The worker was asked to end by something other than the host, such as SIGTERM; `reason` names
   * it. The worker finishes what it runs.
   */
  onLeaving?(reason: string): void;
  /** The stream ended; calls that were open have not been answered and never will be. */
  onClosed(reason: string): void;
}

/**
 * A stream that has sent this many times its window unread is in breach. A stream in order
 * overshoots its window by less than one chunk.
 */
const WINDOW_SLACK = 2;

/**
 * One attached worker: numbers the calls and routes the answers. Holds no policy; the pool decides
 * what to send.
 *
 * A message that no worker of this version sends in that state is a breach of the protocol. The
 * link then ends at once, and the pool ends the worker. No message makes the event loop throw.
 */
export class Link {
  readonly hello: Hello;
  readonly #carrier: Carrier;
  readonly #outbox: Outbox;
  readonly #events: LinkEvents;
  readonly #calls = new OpenCalls<CallListener>();
  /** The credit of each stream in bytes, by call; unlimited once it is cancelled. */
  readonly #windows = new Map<number, number>();
  readonly #pings = new OpenPings();
  readonly #ready = Promise.withResolvers<Ready>();
  readonly #maxId: number;
  #slab: Slab | undefined;
  #minSharedBytes = 0;
  #lastId = 0;
  #hasWrapped = false;
  #stage: "starting" | "serving" | "leaving" = "starting";
  #closedReason: string | undefined;
  #breach: string | undefined;

  /** @param maxId Highest number of a call; after it they start again at 1. */
  constructor(hello: Hello, carrier: Carrier, events: LinkEvents, maxId = 0xffff_ffff) {
    this.hello = hello;
    this.#maxId = maxId;
    this.#carrier = carrier;
    this.#outbox = new Outbox(carrier, (call) => this.#onUnsendable(call));
    this.#events = events;
    // Nobody may be waiting for readiness when the link closes.
    this.#ready.promise.catch(() => {});
    carrier.events = {
      onFrame: (frame) => this.#receive(frame),
      onDrain: () => this.#outbox.drained(),
      onClosed: (reason, isBreach = false) => isBreach ? this.#break(reason) : this.#close(reason),
    };
  }

  /** True when the stream has ended and everything that was said on it has been delivered. */
  get readToEnd(): boolean {
    return this.#carrier.readToEnd;
  }

  /** The reason why the stream ended; undefined while it is open. */
  get closedReason(): string | undefined {
    return this.#closedReason;
  }

  /** The breach of the protocol that ended the stream; undefined for any other end. */
  get breach(): string | undefined {
    return this.#breach;
  }

  /**
   * Tells the worker what to serve and waits until it does.
   *
   * @throws {SnakedenError} What the worker reported, or that the link was lost.
   */
  welcome(welcome: WelcomeInit): Promise<Ready> {
    this.#outbox.push({ welcome });
    return this.#ready.promise;
  }

  /**
   * Sends buffers of `minBytes` and more through memory that the worker has mapped, and takes them
   * from there. The slab belongs to the link from now on, and ends with it.
   */
  share(slab: Slab, minBytes: number): void {
    if (this.#closedReason !== undefined) slab[Symbol.dispose]();
    else {
      this.#slab = slab;
      this.#minSharedBytes = minBytes;
    }
  }

  /** Grows with everything that is received from the worker. */
  get heard(): number {
    return this.#carrier.heard;
  }

  /** The number of shared buffers that the worker has not released yet. */
  get sharedInUse(): number {
    return this.#slab?.placesInUse ?? 0;
  }

  /** Sends a call; returns its id on this link. A closed link drops it unanswered. */
  call(call: OutgoingCall, listener: CallListener): number {
    const id = this.#nextId();
    if (this.#closedReason !== undefined) return id;
    let args = call.args.content;
    let framedBytes = call.args.weight;
    if (this.#slab !== undefined && args.buffers.length > 0) {
      // A copy: the same value may be sent again, to another worker.
      args = placeShared(args, this.#slab, this.#minSharedBytes);
      for (const { length } of args.shared) framedBytes -= length;
    }
    this.#calls.set(id, listener);
    if (call.stream) this.#windows.set(id, WINDOW_SLACK * Math.max(1, call.windowBytes));
    const message = {
      id,
      tool: call.tool,
      args,
      timeoutMs: call.timeoutMs,
      stream: call.stream,
      windowBytes: call.windowBytes,
      sessionId: call.sessionId,
      requestId: call.requestId,
    };
    this.#outbox.push({ call: message }, framedBytes, args.buffers.length > 0);
    return id;
  }

  /** Asks a call to stop; it still answers. */
  cancel(id: number): void {
    if (this.#windows.has(id)) this.#windows.set(id, Infinity);
    this.#outbox.push({ cancel: { id } });
  }

  /** Recalls unstarted calls: each gets `onRecalled`, or is answered after all. */
  recall(): void {
    this.#outbox.push({ recall: {} });
  }

  /** Grants a stream `bytes` more credit. */
  credit(id: number, bytes: number): void {
    if (bytes <= 0) return;
    const left = this.#windows.get(id);
    if (left !== undefined) this.#windows.set(id, left + bytes);
    this.#outbox.push({ credit: { id, bytes } });
  }

  /**
   * Asks the worker's reader thread for a sign of life.
   *
   * @returns The time it took in milliseconds.
   * @throws {SnakedenError} `worker_crashed` when the link is lost, or the reason of `signal`.
   */
  async ping(signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    if (this.#closedReason !== undefined) throw linkLost(this.#closedReason);
    const id = this.#nextId();
    return await this.#pings.ping(id, {
      send: () => this.#outbox.push({ ping: { id } }),
      signal,
    });
  }

  /** Requests a sign of life, seen in {@link Link.heard}, and a report of memory. */
  beat(): void {
    this.#outbox.push({ ping: { id: 0 } });
  }

  /** Asks the worker to finish what runs, give back what was not started, and end. */
  stop(): void {
    this.#outbox.push({ stop: {} });
  }

  /** Ends the stream at once. */
  close(): void {
    this.#carrier.close();
    this.#close("closed by the host");
  }

  #nextId(): number {
    do {
      if (this.#lastId === this.#maxId) this.#hasWrapped = true;
      this.#lastId = this.#lastId % this.#maxId + 1;
    } while (this.#calls.has(this.#lastId) || this.#pings.has(this.#lastId));
    return this.#lastId;
  }

  #receive(frame: WorkerFrame): void {
    if (frame.messages.length === 0) return this.#break("an empty frame");
    try {
      for (const message of frame.messages) {
        // Also when a listener has just closed the link.
        if (this.#closedReason !== undefined) return;
        this.#route(message);
      }
    } catch (error) {
      getLogger("bridge").error("the host failed on a message of {workerId}: {problem}", {
        workerId: this.hello.workerId,
        problem: error instanceof Error ? error.stack : String(error),
      });
      this.#carrier.close();
      this.#close(`the host failed on a message of it: ${messageOf(error)}`);
    }
  }

  #route(message: WorkerMessage): void {
    if (message.result) {
      const { id, value, runMs } = message.result;
      const listener = this.#finish(id, runMs);
      if (listener && this.#take(value)) listener.onResult(new Value(value ?? {}), runMs);
    } else if (message.chunk) {
      const { id, value } = message.chunk;
      if (this.#windows.has(id)) this.#chunk(id, value);
      else this.#break(`a chunk of the call ${id}, which is no open stream`);
    } else if (message.progress) {
      const { id, value } = message.progress;
      // A report that crosses the answer is late and no breach.
      const listener = this.#calls.get(id);
      if (!this.#wasSent(id)) this.#break(`progress of the call ${id}, which was never made`);
      else if (this.#take(value)) listener?.onProgress(new Value(value ?? {}));
    } else if (message.failure) {
      const { id, error, runMs } = message.failure;
      this.#finish(id, runMs)?.onFailure(error ?? UNKNOWN_ERROR, runMs);
    } else if (message.pong) {
      this.#pong(message.pong.id, message.pong.rssBytes);
    } else if (message.recalled) {
      for (const id of message.recalled.ids) this.#finish(id)?.onRecalled();
    } else if (message.release) {
      this.#slab?.release(message.release.offsets);
    } else if (message.log) {
      this.#events.onLog(message.log);
    } else if (message.leaving && this.#stage === "serving") {
      this.#stage = "leaving";
      this.#events.onLeaving?.(message.leaving.reason);
    } else if (message.ready && this.#stage === "starting") {
      this.#stage = "serving";
      this.#ready.resolve(message.ready);
    } else if (message.startFailed && this.#stage === "starting") {
      this.#ready.reject(startFailure(message.startFailed.error ?? UNKNOWN_ERROR));
    } else {this.#break(
        `${message.body ?? "an unknown message"} from a worker that is ${this.#stage}`,
      );}
  }

  #chunk(id: number, value: WireValue | null | undefined): void {
    const left = this.#windows.get(id) ?? 0;
    if (left <= 0) return this.#break(`chunks of the call ${id} far beyond its window`);
    if (!this.#take(value)) return;
    const chunk = new Value(value ?? {});
    this.#windows.set(id, left - chunk.weight);
    this.#calls.get(id)?.onChunk(chunk);
  }

  #pong(id: number, rssBytes: number): void {
    if (id !== 0 && !this.#pings.has(id)) {
      return this.#break(`a pong to the ping ${id}, which is not open`);
    }
    if (!isAmount(rssBytes)) return this.#break(`${rssBytes} bytes of memory`);
    this.#pings.answered(id);
    if (rssBytes > 0) this.#events.onMemory?.(rssBytes);
  }

  /** True for the number of a call that was ever sent. */
  #wasSent(id: number): boolean {
    return id > 0 && (id <= this.#lastId || this.#hasWrapped);
  }

  /** Ends the stream of a worker that breaks the protocol. */
  #break(how: string): void {
    if (this.#closedReason !== undefined) return;
    this.#breach = how;
    getLogger("bridge").warn("{workerId} broke the protocol of its link: {how}", {
      workerId: this.hello.workerId,
      how,
    });
    this.#carrier.close();
    this.#close(how);
  }

  /** Puts shared buffers of a value in place; returns false, after a breach, if there are none. */
  #take(value: WireValue | null | undefined): boolean {
    if (!value || value.shared.length === 0) return true;
    try {
      if (this.#slab === undefined) throw new Error("there is no shared memory");
      fetchShared(value, this.#slab);
    } catch (error) {
      this.#break(`a buffer of the worker cannot be read: ${messageOf(error)}`);
      return false;
    }
    this.#outbox.push({ release: { offsets: value.shared.map(({ offset }) => offset) } });
    return true;
  }

  /** Fails one call that was never sent to the worker, and releases its shared memory. */
  #onUnsendable({ id, args }: UnsentCall): void {
    this.#slab?.release((args.shared ?? []).map(({ offset }) => offset ?? 0));
    // Later: a listener may send the next call, and a frame is being written.
    queueMicrotask(() => this.#finish(id ?? 0)?.onFailure(LOST_BUFFER, 0));
  }

  /** Takes a call out before its listener runs, so that the listener may send the next one. */
  #finish(id: number, runMs = 0): CallListener | undefined {
    const listener = this.#calls.get(id);
    if (listener === undefined) this.#break(`an answer to the call ${id}, which is not open`);
    else if (!isAmount(runMs)) this.#break(`a call that ran for ${runMs} ms`);
    else {
      this.#calls.delete(id);
      if (this.#windows.size > 0) this.#windows.delete(id);
      return listener;
    }
    return undefined;
  }

  #close(reason: string): void {
    if (this.#closedReason !== undefined) return;
    this.#closedReason = reason;
    this.#outbox.close();
    this.#calls.clear();
    this.#slab?.[Symbol.dispose]();
    this.#slab = undefined;
    this.#ready.reject(this.#breach === undefined ? linkLost(reason) : brokeProtocol(reason));
    this.#pings.failAll(linkLost(reason));
    this.#events.onClosed(reason);
  }
}

/** Returns true for a finite number from 0 up. NaN or an infinity would spoil every average. */
function isAmount(value: number): boolean {
  return value >= 0 && value < Infinity;
}
