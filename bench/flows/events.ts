import type { ClientCommand } from "../commands.ts";
import type { Figures } from "../measure.ts";

/**
 * Reads a stream of numbers as Server-Sent Events, cuts it now and then, and resumes it. Checks
 * that each number comes once, in order.
 */
export async function readEvents(
  origin: string,
  { events, cutEvery = Infinity }: ClientCommand & { readonly do: "events" },
): Promise<Figures> {
  const reader = new EventReader();
  const startedAt = performance.now();
  let response = await fetch(`${origin}/v1/stream`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ tool: "count", args: { to: events } }),
  });
  const stream = response.headers.get("snakeden-stream-id");
  let cuts = 0;
  let resumeMs = 0;
  for (
    let until = cutEvery;
    !await read(response, reader, until);
    until = reader.count + cutEvery
  ) {
    cuts++;
    const cutAt = performance.now();
    response = await fetch(`${origin}/v1/streams/${stream}`, {
      headers: { "last-event-id": reader.lastId },
    });
    resumeMs += performance.now() - cutAt;
  }
  if (reader.count !== events) throw new Error(`${reader.count} events of ${events} came`);
  return {
    eventsPerSecond: events / ((performance.now() - startedAt) / 1000),
    cuts,
    resumeMs: resumeMs / cuts,
  };
}

/** Reads a response until so many events have come in all, then cuts it; true at its end. */
async function read(response: Response, reader: EventReader, until: number): Promise<boolean> {
  if (!response.ok || response.body === null) throw new Error(await response.text());
  reader.begin();
  for await (const piece of response.body) {
    reader.push(piece);
    if (reader.isDone) return true;
    // Leaving the loop cuts the connection.
    if (reader.count >= until) return false;
  }
  throw new Error("the stream has ended without a last event");
}

/** Reads events: lines `id: ...`, `event: ...` and `data: ...`, and then an empty one. */
class EventReader {
  /** The number of chunks; each must be the next number. */
  count = 0;
  lastId = "";
  isDone = false;
  #decoder = new TextDecoder();
  #rest = "";

  /** Begins with a response; half of an event from the one before is dropped. */
  begin(): void {
    this.#decoder = new TextDecoder();
    this.#rest = "";
  }

  push(piece: Uint8Array): void {
    const blocks = (this.#rest + this.#decoder.decode(piece, { stream: true })).split("\n\n");
    this.#rest = blocks.pop() ?? "";
    for (const block of blocks) this.#take(block);
  }

  #take(block: string): void {
    const [id = "", event = "", data = ""] = block.split("\n").map((it) =>
      it.slice(it.indexOf(":") + 2)
    );
    this.lastId = id;
    // The first block of a stream that can be resumed has only an id.
    if (event === "") return;
    if (event === "done") this.isDone = true;
    else if (event !== "chunk" || Number(data) !== this.count++) {
      throw new Error(`after ${this.count} events came ${block}`);
    }
  }
}
