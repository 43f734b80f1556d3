import { DeadlineExceededError } from "../../errors.ts";
import type { Ask, Reply, Transport } from "../http/mod.ts";
import type { Args, CallOptions, CallOutcome } from "../shapes/mod.ts";
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
    const reply = await this.#send(path, callBody(tool, args, options), options);
    return await reply.json<CallOutcome>(outcomeOf);
  }

  /** Runs a tool and returns a stream. The call begins with the first read. */
  stream<T>(tool: string, args: Args, options: CallOptions): ToolStream<T> {
    const open = async (leaving: AbortSignal): Promise<CallEvents> => {
      const { signal, ...rest } = options;
      // Ends with the reader, who always leaves. AbortSignal.any would stay with a signal that
      // lives longer.
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
      const reply = await this.#send("/v1/stream", { body, headers: accept }, own);
      return new CallEvents(reply, {
        send: (ask) => this.#transport.send(ask),
        signal: controller.signal,
      });
    };
    return new ToolStream<T>({
      open,
      isOneResult: async () => (await this.#tools.find(tool, options.pool))?.streams === false,
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
