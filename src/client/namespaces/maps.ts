import { isIterable } from "../../async/mod.ts";
import { InvalidInputError, SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import {
  connectionLost,
  isProblem,
  problemError,
  type Reply,
  type Transport,
  unexpectedAnswer,
} from "../http/mod.ts";
import { InputFeed, obstacle, refuseNested } from "../inputs/mod.ts";
import type { Args, MapOptions, MapOutcome } from "../shapes/mod.ts";
import { MapResults } from "../streams/mod.ts";
import { decodeFields, encodeTree } from "../values/mod.ts";
import { idHeader } from "./call_body.ts";

type Items = Iterable<Args> | AsyncIterable<Args>;

const PATH = "/v1/map";
const NDJSON = "application/x-ndjson";

/** A map as it is sent. */
interface NewMap {
  readonly tool: string;
  readonly items: Items;
  readonly options: Omit<MapOptions, "onError">;
}

/** Makes the maps of a client: each is one request, whose body is read while it is answered. */
export class Maps {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Runs a tool for each item. The request is made with the first read. */
  map<T>(tool: string, items: Items, { onError, ...options }: MapOptions): MapResults<T> {
    checkItems(items);
    if (onError !== undefined && onError !== "throw" && onError !== "yield") {
      throw invalidMap("onError", `given ${JSON.stringify(onError)}; allowed: throw or yield`);
    }
    return new MapResults<T>({
      open: () => this.#outcomes({ tool, items, options }),
      yieldsErrors: onError === "yield",
    });
  }

  async *#outcomes({ tool, items, options }: NewMap): AsyncGenerator<MapOutcome, void, undefined> {
    const { signal, requestId, ...fields } = options;
    const sent = new SentItems(items);
    const feed = new InputFeed(
      { name: "items", source: sent.items() },
      (item, index) => sent.treeOf(item, index),
    );
    const streams = obstacle(this.#transport.hosts.map(({ url }) => url)) === undefined;
    const leaving = new AbortController();
    const onAbort = (): void => leaving.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort);
    let reply: Reply | undefined;
    let answered = 0;
    try {
      signal?.throwIfAborted();
      const headers = { ...idHeader(requestId), "content-type": NDJSON, accept: NDJSON };
      const body = streams ? { feed } : { body: await gathered(feed) };
      reply = await this.#transport.send({
        method: "POST",
        path: PATH,
        query: { ...fields, tool },
        headers,
        ...body,
        signal: leaving.signal,
        timeoutMs: null,
        isRepeatable: false,
      });
      for await (const line of linesOf(reply)) {
        const outcome = outcomeIn(line, reply);
        if (outcome === undefined) continue;
        answered++;
        yield sent.own(outcome);
      }
      if (answered < sent.count || !sent.hasEnded) {
        throw new Error("the answer ended before its last line");
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (feed.failure !== undefined) throw feed.failure.error;
      if (error instanceof SnakedenError || reply === undefined) throw error;
      reply.host.failed();
      const note = `the map broke off after the outcomes of ${answered} items`;
      throw connectionLost(`${reply.host.url}${PATH}`, error, { note, delivered: answered });
    } finally {
      signal?.removeEventListener("abort", onAbort);
      reply?.leave();
      leaving.abort(new DOMException("The map has ended", "AbortError"));
      feed.close();
    }
  }
}

/** The items of a map as they are sent, and the errors of those that cannot be. */
class SentItems {
  count = 0;
  hasEnded = false;
  readonly #items: Items;
  readonly #errors = new Map<number, SnakedenError>();

  constructor(items: Items) {
    this.#items = items;
  }

  async *items(): AsyncGenerator<unknown, void, undefined> {
    for await (const item of this.#items) {
      this.count++;
      yield item;
    }
    this.hasEnded = true;
  }

  /** Returns an item as it is sent: one that cannot be is null, which the host refuses. */
  treeOf(item: unknown, index: number): unknown {
    const name = `items[${index}]`;
    try {
      if (!isRecord(item)) {
        throw invalidMap(name, "given no object; allowed: an object of arguments by name");
      }
      return encodeTree(item, name, refuseNested);
    } catch (error) {
      if (!(error instanceof SnakedenError)) throw error;
      this.#errors.set(index, error);
      return null;
    }
  }

  /** Returns an outcome, with the error that this side has found instead of that of the host. */
  own(outcome: MapOutcome): MapOutcome {
    const error = this.#errors.get(outcome.index);
    if (error === undefined) return outcome;
    this.#errors.delete(outcome.index);
    return { index: outcome.index, error };
  }
}

/** Returns all lines of a feed, for a runtime that sends no streams. */
async function gathered(feed: InputFeed): Promise<Blob> {
  const { body } = await feed.open();
  return new Blob([await new Response(body).arrayBuffer()], { type: NDJSON });
}

async function* linesOf(reply: Reply): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for (let bytes = await reply.next(); bytes !== undefined; bytes = await reply.next()) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") throw new Error("the answer broke off within a line");
}

/** Returns the outcome in a line; undefined for a heartbeat. */
function outcomeIn(line: string, reply: Reply): MapOutcome | undefined {
  let fields: Record<string, unknown>;
  try {
    fields = decodeFields(line, ["result"]);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw unexpectedAnswer(reply.host.url + PATH, reply.response, line);
  }
  const { index, result, error, event } = fields;
  if (event !== undefined) return undefined;
  if (isProblem(error)) {
    const failure = problemError(error);
    if (typeof index === "number") return { index, error: failure };
    throw failure;
  }
  if (typeof index === "number" && Object.hasOwn(fields, "result")) return { index, result };
  throw unexpectedAnswer(reply.host.url + PATH, reply.response, line);
}

function checkItems(items: unknown): void {
  if (isIterable(items)) return;
  const given = items === null ? "null" : `a ${typeof items}`;
  throw invalidMap(
    "items",
    `given ${given}; allowed: an iterable or async iterable of objects of arguments`,
  );
}

function invalidMap(path: string, message: string): InvalidInputError {
  return new InvalidInputError(`Cannot make the call: ${path}: ${message}`, [{ path, message }]);
}
