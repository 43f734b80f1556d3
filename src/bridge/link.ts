import { messageOf } from "../errors.ts";
import { getLogger } from "../log.ts";
import { BlockedTools } from "./blocked_tools.ts";
import { type Carrier, isAnswer, isCall, type OutgoingMessage } from "./carriers/mod.ts";
import type {
  Ask as WireAsk,
  Hello,
  HostErrorInit,
  Ready,
  Value as WireValue,
  WelcomeInit,
  WorkerFrame,
  WorkerMessage,
} from "./gen/link.js";
import { brokeProtocol, linkLost, LOST_ANSWER, LOST_BUFFER, UNKNOWN_ERROR } from "./link_errors.ts";
import type { CallListener, LinkEvents } from "./link_events.ts";
import { OpenAsks } from "./open_asks.ts";
import { OpenCalls } from "./open_calls.ts";
import { OpenPings } from "./open_pings.ts";
import { OpenStreams } from "./open_streams.ts";
import { Outbox } from "./outbox.ts";
import { callMessage, type OutgoingCall } from "./outgoing_call.ts";
import { fetchShared, placeShared, type Slab } from "./shared_memory/mod.ts";
import { startFailure } from "./start_failure.ts";
import { type TextValue, Value, weightOf } from "./values/mod.ts";

/**
 * The link to one worker. It numbers calls and routes answers; the pool decides what to send.
 *
 * A message that no worker of this version would send in its state is a breach of the protocol: the
 * link ends at once, and the pool then ends the worker. No message can cause an uncaught error.
 */
export class Link {
  readonly hello: Hello;
  /** The tools that have held up the event loop of the worker. */
  readonly blockedTools = new BlockedTools();
  readonly #carrier: Carrier;
  readonly #outbox: Outbox;
  readonly #events: LinkEvents;
  readonly #calls = new OpenCalls<CallListener>();
  readonly #streams = new OpenStreams();
  readonly #asks = new OpenAsks((id, outcome) => this.#answer(id, outcome));
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

  /** @param maxId The highest id of a call. The next id after it is 1. */
  constructor(hello: Hello, carrier: Carrier, events: LinkEvents, maxId = 0xffff_ffff) {
    this.hello = hello;
    this.#maxId = maxId;
    this.#carrier = carrier;
    this.#outbox = new Outbox(carrier, (message) => this.#onUnsendable(message));
    this.#events = events;
    // Nobody may be waiting when this rejects.
    this.#ready.promise.catch(() => {});
    carrier.events = {
      onFrame: (frame) => this.#receive(frame),
      onDrain: () => this.#outbox.drained(),
      onClosed: (reason, isBreach = false) => isBreach ? this.#break(reason) : this.#close(reason),
    };
  }

  /** True if the stream has ended and all that the worker sent has been delivered. */
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
   * Sends the welcome, which says what to serve. Resolves when the worker is ready.
   *
   * @throws {SnakedenError} The failure that the worker reported, or `worker_crashed` if the link
   * is lost.
   */
  welcome(welcome: WelcomeInit): Promise<Ready> {
    this.#outbox.push({ welcome });
    return this.#ready.promise;
  }

  /**
   * Sends and receives buffers through memory that the worker has mapped; buffers below `minBytes`
   * are sent in frames. From now on the slab belongs to the link and is disposed with it.
   */
  share(slab: Slab, minBytes: number): void {
    if (this.#closedReason !== undefined) slab[Symbol.dispose]();
    else {
      this.#slab = slab;
      this.#minSharedBytes = minBytes;
    }
  }

  /** A count that grows with everything received from the worker. */
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
    const args = this.#placed(call.args.content);
    this.#calls.set(id, listener);
    if (call.stream || call.bulk !== undefined) this.#streams.open(id, call.windowBytes);
    this.#outbox.push(
      { call: callMessage(call, id, args) },
      weightOf(args),
      args.buffers.length > 0,
    );
    return id;
  }

  /** Tells a call to stop. The worker still answers it. */
  cancel(id: number): void {
    this.#streams.cancel(id);
    if (this.#calls.has(id)) this.#asks.stop(id);
    this.#outbox.push({ cancel: { id } });
  }

  /**
   * Recalls calls that have not started. Each gets `onRecalled`, or its answer if it has started
   * meanwhile.
   */
  recall(): void {
    this.#outbox.push({ recall: {} });
  }

  /** Grants a stream `bytes` more credit. */
  credit(id: number, bytes: number): void {
    if (bytes <= 0) return;
    this.#streams.grant(id, bytes);
    this.#outbox.push({ credit: { id, bytes } });
  }

  /**
   * Sends a ping, which the worker's reader thread answers.
   *
   * @returns The time until the pong, in milliseconds.
   * @throws {SnakedenError} `worker_crashed` if the link is lost, or the reason of `signal`.
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

  /** Requests a sign of life, which {@link Link.heard} shows, and a report of memory. */
  beat(): void {
    this.#outbox.push({ ping: { id: 0 } });
  }

  /** Tells the worker that sessions have ended, so that it drops what it keeps for them. */
  sessionsEnded(lives: readonly string[]): void {
    this.#outbox.push({ sessionsEnded: { lives: [...lives] } });
  }

  /** Tells the worker to finish running calls, give back the others, and end. */
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
        // Checked for each message, since a listener may close the link.
        if (this.#closedReason !== undefined) return;
        this.#route(message);
      }
    } catch (error) {
      getLogger("bridge").error("the host failed to handle a message from {workerId}: {problem}", {
        workerId: this.hello.workerId,
        problem: error instanceof Error ? error.stack : String(error),
      });
      this.#carrier.close();
      this.#close(`the host failed to handle a message: ${messageOf(error)}`);
    }
  }

  #route(message: WorkerMessage): void {
    if (message.result) {
      const { id, value, runMs } = message.result;
      const listener = this.#finish(id, runMs);
      if (listener && this.#take(value)) listener.onResult(new Value(value ?? {}), runMs);
    } else if (message.chunk) {
      const { id, value } = message.chunk;
      if (this.#streams.has(id)) this.#chunk(id, value);
      else this.#break(`a chunk of the call ${id}, which is not an open stream`);
    } else if (message.progress) {
      const { id, value } = message.progress;
      // Progress that comes after the answer is late, but no breach.
      const listener = this.#calls.get(id);
      if (!this.#wasSent(id)) this.#break(`progress of the call ${id}, which was never sent`);
      else if (this.#take(value)) listener?.onProgress(new Value(value ?? {}));
    } else if (message.ask) {
      this.#ask(message.ask);
    } else if (message.failure) {
      const { id, error, runMs } = message.failure;
      this.#finish(id, runMs)?.onFailure(error ?? UNKNOWN_ERROR, runMs);
    } else if (message.printed) {
      this.#calls.get(message.printed.id)?.onPrinted?.(message.printed.pipes);
    } else if (message.pong) {
      this.#pong(message.pong.id, message.pong.rssBytes);
    } else if (message.recalled) {
      for (const id of message.recalled.ids) this.#finish(id)?.onRecalled();
    } else if (message.release) {
      this.#slab?.release(message.release.offsets);
    } else if (message.log) {
      this.#events.onLog(message.log);
    } else if (message.imported) {
      this.#events.onImported?.(message.imported.path);
    } else if (message.loopBlocked) {
      this.blockedTools.note(message.loopBlocked);
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
    if (!this.#streams.hasCredit(id)) {
      return this.#break(`chunks of the call ${id} far beyond its window`);
    }
    if (!this.#take(value)) return;
    const chunk = new Value(value ?? {});
    this.#streams.grant(id, -chunk.weight);
    this.#calls.get(id)?.onChunk(chunk);
  }

  #ask(ask: WireAsk): void {
    const { id, callId, args } = ask;
    const breach = this.#asks.breachOf(id);
    if (breach !== undefined) return this.#break(breach);
    if (!this.#wasSent(callId)) {
      return this.#break(`an ask of the call ${callId}, which was never sent`);
    }
    const listener = this.#calls.get(callId);
    if (this.#take(args)) this.#asks.answer(ask, listener);
  }

  #pong(id: number, rssBytes: number): void {
    if (id !== 0 && !this.#pings.has(id)) {
      return this.#break(`a pong to the ping ${id}, which is not open`);
    }
    if (!isAmount(rssBytes)) return this.#break(`${rssBytes} bytes of memory`);
    this.#pings.answered(id);
    if (rssBytes > 0) this.#events.onMemory?.(rssBytes);
  }

  /** Returns true if a call with this id was ever sent. */
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

  /**
   * Copies the shared buffers of a value into it, if any, and releases their memory. If that fails,
   * breaks the link and returns false.
   */
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

  /** Returns what to send of a value: its large buffers move into shared memory. */
  #placed(content: WireValue | TextValue): WireValue | TextValue {
    if (this.#slab === undefined || content.buffers.length === 0) return content;
    return placeShared(content, this.#slab, this.#minSharedBytes);
  }

  #answer(id: number, outcome: Value | HostErrorInit): void {
    if (!(outcome instanceof Value)) return this.#outbox.push({ answer: { id, error: outcome } });
    const value = this.#placed(outcome.content);
    this.#outbox.push({ answer: { id, value } }, weightOf(value), value.buffers.length > 0);
  }

  /** Fails a call or an answer that could not be sent, and releases its shared memory. */
  #onUnsendable(message: OutgoingMessage): void {
    const value = isCall(message)
      ? message.call.args
      : isAnswer(message)
      ? message.answer.value
      : undefined;
    this.#slab?.release((value?.shared ?? []).map(({ offset }) => offset ?? 0));
    // Runs later, since the listener may send another call while a frame is being written.
    queueMicrotask(() => {
      if (isCall(message)) this.#finish(message.call.id ?? 0)?.onFailure(LOST_BUFFER, 0);
      else if (isAnswer(message)) this.#answer(message.answer.id ?? 0, LOST_ANSWER);
    });
  }

  /**
   * Removes a call and returns its listener. The caller then runs the listener, which may send the
   * next call.
   */
  #finish(id: number, runMs = 0): CallListener | undefined {
    const listener = this.#calls.get(id);
    if (listener === undefined) this.#break(`an answer to the call ${id}, which is not open`);
    else if (!isAmount(runMs)) this.#break(`a call that ran for ${runMs} ms`);
    else {
      this.#calls.delete(id);
      this.#streams.close(id);
      this.#asks.end(id);
      return listener;
    }
    return undefined;
  }

  #close(reason: string): void {
    if (this.#closedReason !== undefined) return;
    this.#closedReason = reason;
    this.#outbox.close();
    this.#calls.clear();
    this.#asks.close(linkLost(reason));
    this.#slab?.[Symbol.dispose]();
    this.#slab = undefined;
    this.#ready.reject(this.#breach === undefined ? linkLost(reason) : brokeProtocol(reason));
    this.#pings.failAll(linkLost(reason));
    this.#events.onClosed(reason);
  }
}

/**
 * Returns true for a finite number that is not negative. NaN or infinity would corrupt averages.
 */
function isAmount(value: number): boolean {
  return value >= 0 && value < Infinity;
}
