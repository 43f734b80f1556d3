import { DeadlineExceededError, InvalidInputError, SnakedenError } from "../../errors.ts";
import type { Ask, Reply, Transport } from "../http/mod.ts";
import { assertSendable, InputFeed, inputOf } from "../inputs/mod.ts";
import type { Args, CallOptions, CallOutcome, EncodedValue } from "../shapes/mod.ts";
import { CallEvents, reporterTo, ToolStream } from "../streams/mod.ts";
import { ReceivedValue } from "../values/mod.ts";
import { callBody, inputQuery } from "./call_body.ts";
import type { ToolList } from "./tools.ts";

/** The time after a deadline in which the host's own report of it may arrive. */
const GRACE_MS = 2_000;

/**
 * The longest deadline of a call that is answered at once. Beyond it, the answer is events, whose
 * heartbeats keep the connection open: `fetch` in Node gives up after 300 s without an answer, and
 * proxies do so sooner.
 */
const MAX_UNFOLLOWED_MS = 60_000;

/** The times that an idempotent call is made again after its events have broken off. */
const MAX_REPEATS = 2;

/** The parts of a request that make a call. */
type CallAsk = Pick<Ask, "body" | "query"> & Required<Pick<Ask, "headers">> & {
  readonly feed?: InputFeed;
};

/** Makes the calls of a client. */
export class Calls {
  readonly #transport: Transport;
  readonly #tools: ToolList;

  constructor(transport: Transport, tools: ToolList) {
    this.#transport = transport;
    this.#tools = tools;
  }

  /** Runs a tool, or with `program` a program, and returns the outcome. */
  async call(
    { tool, program }: { readonly tool?: string; readonly program?: string },
    args: Args,
    options: CallOptions,
  ): Promise<CallOutcome> {
    const path = program === undefined
      ? "/v1/execute"
      : `/v1/programs/${encodeURIComponent(program)}/run`;
    if (tool === undefined) {
      if (options.onProgress !== undefined) throw notFollowed();
    } else if (options.onProgress !== undefined || isLong(options)) {
      return await this.#followRepeatedly(path, tool, args, options);
    }
    const { feed, ...ask } = this.#askOf(tool, args, options);
    if (feed === undefined) {
      return await outcomeIn(await this.#send(path, ask, options));
    }
    let reply: Reply | undefined;
    try {
      reply = await this.#send(path, { ...ask, feed }, options);
      return await outcomeIn(reply);
    } catch (error) {
      throw feed.causeOf(error);
    } finally {
      // The tool may not have read all of the body.
      reply?.leave();
      feed.close();
    }
  }

  /** Runs a tool and returns a stream. The call begins with the first read. */
  stream<T>(tool: string, args: Args, options: CallOptions): ToolStream<T> {
    const { onProgress } = options;
    return new ToolStream<T>({
      open: (leaving) => this.#events({ path: "/v1/stream", tool, args, options, leaving }),
      isOneResult: async () => await this.#streams(tool, options) === false,
      ...(onProgress === undefined ? {} : { onProgress: reporterTo(onProgress) }),
    });
  }

  /** Follows a call, and makes it again if its connection breaks and it may run twice. */
  async #followRepeatedly(
    path: string,
    tool: string,
    args: Args,
    options: CallOptions,
  ): Promise<CallOutcome> {
    // An input stream gives its items once.
    const mayRepeat = options.idempotent === true && inputOf(args) === undefined;
    for (let repeats = 0;; repeats++) {
      try {
        return await this.#follow(path, tool, args, options);
      } catch (error) {
        const isLost = error instanceof SnakedenError && error.code === "connection_lost";
        if (!mayRepeat || !isLost || repeats === MAX_REPEATS) throw error;
      }
    }
  }

  /** Runs a tool as {@link Calls.call} does, and passes its progress on. */
  async #follow(
    path: string,
    tool: string,
    args: Args,
    options: CallOptions,
  ): Promise<CallOutcome> {
    const report = reporterTo(options.onProgress);
    const leaving = new AbortController();
    const chunks: EncodedValue[] = [];
    let events: CallEvents | undefined;
    try {
      const { signal } = leaving;
      events = await this.#events({ path, tool, args, options, leaving: signal });
      for (;;) {
        const event = await events.next();
        if (event === undefined) throw new Error("a stream of events has no end");
        if (event.type === "chunk") chunks.push(event.value);
        else if (event.type === "progress") report(event.value.decode());
        else return await this.#gathered(event, chunks, { tool, options });
      }
    } finally {
      leaving.abort();
      await events?.leave();
    }
  }

  /** Returns the outcome of a call: the list of its chunks if the tool streams. */
  async #gathered(
    { value, callId, workerId, durationMs, queueMs }: CallOutcome,
    chunks: readonly EncodedValue[],
    { tool, options }: { readonly tool: string; readonly options: CallOptions },
  ): Promise<CallOutcome> {
    const outcome = { callId, workerId, durationMs, queueMs };
    // A generator without a chunk may also have a result.
    const streams = chunks.length > 0 ||
      (await this.#streams(tool, options) ?? value.decode() === null);
    return {
      value: streams ? { decode: () => chunks.map((it) => it.decode()) } : value,
      ...outcome,
    };
  }

  /** Returns true for a tool that streams; undefined if the host does not know it. */
  async #streams(tool: string, { pool, sessionId }: CallOptions): Promise<boolean | undefined> {
    return (await this.#tools.find(tool, pool, { sessionId }))?.streams;
  }

  async #events(
    { path, tool, args, options, leaving }: {
      readonly path: string;
      readonly tool: string;
      readonly args: Args;
      readonly options: CallOptions;
      readonly leaving: AbortSignal;
    },
  ): Promise<CallEvents> {
    const { signal, ...rest } = options;
    signal?.throwIfAborted();
    const ask = this.#askOf(tool, args, rest);
    // Ends with the reader, who always leaves. AbortSignal.any would stay with a signal that lives
    // longer.
    const controller = new AbortController();
    const onAbort = (): void => controller.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort);
    leaving.addEventListener("abort", () => {
      signal?.removeEventListener("abort", onAbort);
      controller.abort(leaving.reason);
      ask.feed?.close();
    }, { once: true });
    const own = { ...rest, signal: controller.signal };
    const headers = { ...ask.headers, accept: "text/event-stream" };
    try {
      const reply = await this.#send(path, { ...ask, headers }, own);
      return new CallEvents(reply, {
        send: (it) => this.#transport.send(it),
        signal: controller.signal,
        failure: () => ask.feed?.failure,
      });
    } catch (error) {
      throw ask.feed === undefined ? error : ask.feed.causeOf(error);
    }
  }

  #askOf(tool: string | undefined, args: Args, options: CallOptions): CallAsk {
    const input = tool === undefined ? undefined : inputOf(args);
    if (tool === undefined || input === undefined) return callBody(tool, args, options);
    assertSendable(input, this.#transport.hosts.map(({ url }) => url));
    return { ...inputQuery(tool, input, options), feed: new InputFeed(input) };
  }

  /** The host keeps the deadline; the client waits little longer, if the host does not answer. */
  #send(
    path: string,
    ask: CallAsk,
    { timeoutMs, signal, idempotent = false }: CallOptions,
  ): Promise<Reply> {
    const hasLimit = typeof timeoutMs === "number" && timeoutMs > 0;
    return this.#transport.send({
      method: "POST",
      path,
      ...ask,
      signal,
      isRepeatable: idempotent === true,
      timeoutMs: hasLimit ? timeoutMs + GRACE_MS : null,
      late: () =>
        new DeadlineExceededError(
          `The host did not answer within ${timeoutMs} ms, the deadline of the call`,
          "tool",
          { timeoutMs },
        ),
    });
  }
}

async function outcomeIn(reply: Reply): Promise<CallOutcome> {
  let text = "";
  const { callId, workerId, durationMs, queueMs } = await reply.json<CallOutcome>(
    { result: "anything" },
    (it) => JSON.parse(text = it),
  );
  return { value: new ReceivedValue(text, "result"), callId, workerId, durationMs, queueMs };
}

function isLong({ timeoutMs }: CallOptions): boolean {
  return typeof timeoutMs === "number" && timeoutMs > MAX_UNFOLLOWED_MS;
}

function notFollowed(): InvalidInputError {
  const message = "given for a program; allowed: for calls of tools only, over HTTP";
  return new InvalidInputError(`Cannot run the program: onProgress: ${message}`, [
    { path: "onProgress", message },
  ]);
}
