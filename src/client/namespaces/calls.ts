import { DeadlineExceededError, InvalidInputError } from "../../errors.ts";
import type { Ask, Reply, Transport } from "../http/mod.ts";
import type { Args, CallOptions, CallOutcome, EncodedValue } from "../shapes/mod.ts";
import { CallEvents, ToolStream } from "../streams/mod.ts";
import { ReceivedValue } from "../values/mod.ts";
import { callBody } from "./call_body.ts";
import type { ToolList } from "./tools.ts";

/** The time after a deadline in which the host's own report of it may arrive. */
const GRACE_MS = 2_000;

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
    if (options.onProgress !== undefined) {
      if (tool === undefined) throw notFollowed();
      return await this.#follow(path, tool, args, options);
    }
    const reply = await this.#send(path, callBody(tool, args, options), options);
    return await reply.json<CallOutcome>(outcomeOf);
  }

  /** Runs a tool and returns a stream. The call begins with the first read. */
  stream<T>(tool: string, args: Args, options: CallOptions): ToolStream<T> {
    const { onProgress } = options;
    return new ToolStream<T>({
      open: (leaving) => this.#events({ path: "/v1/stream", tool, args, options, leaving }),
      isOneResult: () => this.#hasOneResult(tool, options),
      ...(onProgress === undefined ? {} : { onProgress }),
    });
  }

  /** Runs a tool as {@link Calls.call} does, and passes its progress on. */
  async #follow(
    path: string,
    tool: string,
    args: Args,
    options: CallOptions,
  ): Promise<CallOutcome> {
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
        else if (event.type === "progress") options.onProgress?.(event.value.decode());
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
    const isOne = chunks.length === 0 &&
      (value.decode() !== null || await this.#hasOneResult(tool, options));
    return {
      value: isOne ? value : { decode: () => chunks.map((it) => it.decode()) },
      ...outcome,
    };
  }

  async #hasOneResult(tool: string, { pool, sessionId }: CallOptions): Promise<boolean> {
    return (await this.#tools.find(tool, pool, { sessionId }))?.streams === false;
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
    // Ends with the reader, who always leaves. AbortSignal.any would stay with a signal that lives
    // longer.
    const controller = new AbortController();
    const onAbort = (): void => controller.abort(signal?.reason);
    signal?.throwIfAborted();
    signal?.addEventListener("abort", onAbort);
    leaving.addEventListener("abort", () => {
      signal?.removeEventListener("abort", onAbort);
      controller.abort(leaving.reason);
    }, { once: true });
    const own = { ...rest, signal: controller.signal };
    const { body, headers } = callBody(tool, args, own);
    const accept = { ...headers, accept: "text/event-stream" };
    const reply = await this.#send(path, { body, headers: accept }, own);
    return new CallEvents(reply, {
      send: (ask) => this.#transport.send(ask),
      signal: controller.signal,
    });
  }

  /** The host keeps the deadline; the client waits little longer, if the host does not answer. */
  #send(
    path: string,
    { body, headers }: Required<Pick<Ask, "body" | "headers">>,
    { timeoutMs, signal, idempotent = false }: CallOptions,
  ): Promise<Reply> {
    const hasLimit = typeof timeoutMs === "number" && timeoutMs > 0;
    return this.#transport.send({
      method: "POST",
      path,
      body,
      headers,
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

function outcomeOf(text: string): CallOutcome {
  const { callId, workerId, durationMs, queueMs } = JSON.parse(text);
  return { value: new ReceivedValue(text, "result"), callId, workerId, durationMs, queueMs };
}

function notFollowed(): InvalidInputError {
  const message = "given for a program; allowed: for calls of tools only, over HTTP";
  return new InvalidInputError(`Cannot run the program: onProgress: ${message}`, [
    { path: "onProgress", message },
  ]);
}
