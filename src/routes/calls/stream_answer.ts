import type { Value } from "../../bridge/mod.ts";
import type { CallOptions } from "../../calls/mod.ts";
import type { StreamEvent } from "../../pool/mod.ts";
import { addressOf, logStreamFailure } from "../access/mod.ts";
import {
  type AppContext,
  type Caller,
  notStreamable,
  problemOf,
  type Shown,
  type StreamType,
} from "../http/mod.ts";
import { answerForm, formOnceKnown, notBytes, optionsFor } from "./answer_form.ts";
import { readCallRequest } from "./call_request.ts";
import { RAW_POLICY } from "./raw_answer.ts";
import { RawStream } from "./raw_stream.ts";
import {
  EventFeed,
  eventWriter,
  KeptBody,
  type KeptStream,
  newStreamId,
  noStream,
  parseEventId,
  StreamBody,
  streamGone,
} from "./events/mod.ts";
import type { Traffic } from "./traffic.ts";
import type { FindTool, LearnTool } from "./upload/mod.ts";

/** The host, as streams see it. */
export interface StreamSlice {
  stream(tool: string, args: Value, options: CallOptions): EventSource;
}

/** A streaming call that has not begun; reading the events begins it. */
export interface EventSource {
  events(): AsyncIterable<StreamEvent>;
}

/** Options of {@link StreamAnswers}. */
export interface StreamAnswersOptions {
  readonly traffic: Traffic;
  readonly findTool: FindTool;
  readonly learnTool: LearnTool;
  /** The time without an event after which a heartbeat is sent. */
  readonly heartbeatMs: number;
  /** The parts of Python errors that problems show. */
  readonly shown: Shown;
  /** Returns a mark of the API key of a request, which differs for each key. */
  readonly ownerOf: (headers: Headers) => string;
}

/** The header with the id of a stream that can be resumed. */
export const STREAM_ID_HEADER = "snakeden-stream-id";

/** The header of {@link STREAM_ID_HEADER}, for the OpenAPI document. */
export const STREAM_HEADERS = {
  [STREAM_ID_HEADER]: {
    description: "Id of a stream that can be resumed.",
    schema: { type: "string" as const },
  },
};

/** The answer to a client that has read a stream to its end, for the OpenAPI document. */
export const ALL_READ = { description: "The client has all events of a stream that has ended." };

/** Headers that keep caches and proxies such as nginx from gathering what is sent. */
const UNBUFFERED = { "cache-control": "no-store", "x-accel-buffering": "no" } as const;

/** A call whose events are sent. */
interface Followed {
  readonly c: AppContext;
  readonly caller: Caller;
  readonly tool: string;
  readonly args: Value;
  readonly options: CallOptions;
}

/** Answers requests with the events of calls. */
export class StreamAnswers {
  readonly #host: StreamSlice;
  readonly #options: StreamAnswersOptions;

  constructor(host: StreamSlice, options: StreamAnswersOptions) {
    this.#host = host;
    this.#options = options;
  }

  /**
   * Runs the call of a request and follows it.
   *
   * @param type The form of the events; undefined to send the bytes of the chunks alone.
   * @throws {SnakedenError} What fails before the first event.
   */
  async follow(c: AppContext, type: StreamType | undefined): Promise<Response> {
    const { traffic, findTool, learnTool } = this.#options;
    const lastEventId = c.req.header("last-event-id") ?? "";
    // A client that reconnects must not run its tool twice. Any status but 200 stops it.
    if (lastEventId !== "") {
      // No other form of a stream has events with ids.
      if (type !== "text/event-stream") throw streamGone(lastEventId);
      return this.resume(c, lastEventId);
    }
    // Closes the caller, unless a body does so later.
    using opening = new DisposableStack();
    const caller = opening.use(traffic.callers.open(c.req.raw, c.env));
    const { tool, args, options } = await readCallRequest(c.req.raw, c.get("requestId"), {
      caller,
      traffic,
      findTool,
      learnTool,
    });
    c.set("called", { tool, pool: options.pool });
    const call = { c, caller, tool, args, options };
    const answer = type === undefined
      ? await this.#raw(call)
      : type === "text/event-stream" && traffic.streams.isOn && c.get("holder") === undefined
      ? await this.#kept(call)
      : await this.#plain(call, type);
    opening.move();
    return answer;
  }

  /**
   * Goes on with a stream that was kept. Whoever has all of its events gets 204, after which an
   * `EventSource` does not come back. HEAD reads nothing, and leaves the stream to its reader.
   *
   * @param streamId The id of the stream, if the path names it.
   * @throws {SnakedenError} `stream_gone`.
   */
  resume(c: AppContext, lastEventId: string, streamId?: string): Response {
    const { traffic, ownerOf } = this.#options;
    const place = parseEventId(lastEventId);
    const stream = place && traffic.streams.find(place.streamId, ownerOf(c.req.raw.headers));
    if (stream === undefined || (streamId !== undefined && stream.id !== streamId)) {
      throw streamGone(lastEventId);
    }
    const after = place?.event ?? 0;
    if (!stream.reaches(after)) throw streamGone(lastEventId);
    if (stream.isOverAt(after)) return new Response(null, { status: 204 });
    if (c.req.method === "HEAD") return eventResponse(null, stream.id);
    const body = this.#bodyOf(stream, traffic.callers.open(c.req.raw, c.env));
    stream.attach(body, after);
    return eventResponse(body.readable(after), stream.id);
  }

  /**
   * Cancels the call of a stream that was kept, and forgets the stream.
   *
   * @throws {SnakedenError} `stream_gone`.
   */
  end(c: AppContext, streamId: string): void {
    const { traffic, ownerOf } = this.#options;
    const stream = traffic.streams.find(streamId, ownerOf(c.req.raw.headers));
    if (stream === undefined) throw noStream(streamId);
    stream.end();
  }

  async #raw(call: Followed): Promise<Response> {
    const { traffic, findTool, heartbeatMs } = this.#options;
    const { c, caller, tool, options } = call;
    const accept = c.req.header("accept");
    const { pool, sessionId } = options;
    const answered = { accept, tool, pool, sessionId, findTool, follows: true };
    const asked = answerForm(answered);
    if (asked.bytesType === undefined) throw notStreamable(accept);
    const body = new RawStream({
      events: this.#eventsOf(call, optionsFor(asked, options)),
      traffic,
      firstChunkMs: heartbeatMs,
      notBytes: () => notBytes(accept, `a chunk of ${tool} is not bytes`),
      onError: this.#logOf(call),
      cancel: () => caller.leave(),
      onEnd: () => caller.close(),
    });
    await body.begin();
    let { bytesType } = asked;
    try {
      ({ bytesType = bytesType } = formOnceKnown(asked, answered));
    } catch (error) {
      await body.cancel();
      throw error;
    }
    return new Response(body.readable(), {
      headers: { "content-type": bytesType, ...RAW_POLICY, ...UNBUFFERED },
    });
  }

  async #plain(call: Followed, type: StreamType): Promise<Response> {
    const { traffic, heartbeatMs } = this.#options;
    const { caller, options } = call;
    const writer = eventWriter(type);
    const feed = new EventFeed({
      events: this.#eventsOf(call, options),
      writer,
      values: traffic,
      signal: caller.signal,
      problemOf: this.#problemsOf(call),
      cancel: () => caller.leave(),
    });
    await feed.begin(heartbeatMs);
    const body = new StreamBody({
      feed,
      answers: traffic.answers,
      heartbeatMs,
      heartbeat: () => writer.heartbeat(),
      onEnd: () => caller.close(),
    });
    return type === "text/event-stream"
      ? eventResponse(body.readable())
      : new Response(body.readable(), { headers: { "content-type": type, ...UNBUFFERED } });
  }

  async #kept(call: Followed): Promise<Response> {
    const { traffic: { streams }, heartbeatMs, ownerOf } = this.#options;
    const { c, caller, options } = call;
    const id = newStreamId();
    using room = new DisposableStack();
    const own = room.use(streams.reserve());
    // The call outlives its client, except before that knows the id of the stream.
    const leaving = new AbortController();
    const onLeave = (): void => leaving.abort(caller.signal.reason);
    caller.signal.addEventListener("abort", onLeave, { once: true });
    const feed = new EventFeed({
      events: this.#eventsOf(call, { ...options, signal: leaving.signal }),
      writer: eventWriter("text/event-stream", id),
      values: this.#options.traffic,
      signal: leaving.signal,
      problemOf: this.#problemsOf(call),
      cancel: () => leaving.abort(new DOMException("The stream has ended", "AbortError")),
    });
    await feed.begin(heartbeatMs);
    caller.signal.removeEventListener("abort", onLeave);
    if (caller.signal.aborted) {
      feed.end();
      throw caller.signal.reason;
    }
    room.move();
    const stream = streams.add(feed, { id, owner: ownerOf(c.req.raw.headers), room: own });
    const body = this.#bodyOf(stream, caller);
    stream.attach(body, 0);
    stream.start();
    return eventResponse(body.readable(0), id);
  }

  #bodyOf(stream: KeptStream, caller: Caller): KeptBody {
    const { traffic: { answers: { time } }, heartbeatMs } = this.#options;
    const onEnd = (): void => caller.close();
    const body = new KeptBody({ stream, time, heartbeatMs, onEnd });
    caller.signal.addEventListener("abort", () => body.leave(), { once: true });
    return body;
  }

  #eventsOf({ tool, args }: Followed, options: CallOptions): AsyncIterable<StreamEvent> {
    const { traffic } = this.#options;
    const begin = (): AsyncIterable<StreamEvent> => this.#host.stream(tool, args, options).events();
    return traffic.arguments.during(args.weight, begin);
  }

  #problemsOf(call: Followed): (error: unknown) => ReturnType<typeof problemOf> {
    const log = this.#logOf(call);
    const requestId = call.c.get("requestId");
    return (error) => {
      log(error);
      return problemOf(error, requestId, this.#options.shown);
    };
  }

  #logOf({ c, tool, options }: Followed): (error: unknown) => void {
    const { method, path } = c.req;
    const remote = addressOf(c.env);
    const requestId = c.get("requestId");
    const called = { tool, pool: options.pool };
    const { shown } = this.#options;
    return (error) => logStreamFailure({ method, path, remote, requestId, called, error, shown });
  }
}

function eventResponse(body: ReadableStream<Uint8Array> | null, streamId?: string): Response {
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      ...(streamId === undefined ? {} : { [STREAM_ID_HEADER]: streamId }),
      ...UNBUFFERED,
    },
  });
}
