/**
 * The client process of the workloads `inputs`, `socket` and `resume`. Run it as `client.ts PORT`;
 * it then takes commands.
 */
import { type BodyCommand, type ClientCommand, say, serveCommands } from "../commands.ts";
import { messageOf } from "../../src/errors.ts";
import type { Figures } from "../measure.ts";
import { sendFrames } from "./frames.ts";
import { readEvents } from "./events.ts";

const PIECE_BYTES = 65_536;

function run(origin: string, command: ClientCommand): Promise<Figures> {
  switch (command.do) {
    case "body":
      return sendBody(origin, command);
    case "frames":
      return sendFrames(origin, command);
    case "events":
      return readEvents(origin, command);
  }
}

/** Sends a body that is the input stream of a tool, which returns what it has counted. */
async function sendBody(origin: string, { kind, amount }: BodyCommand): Promise<Figures> {
  const isLines = kind === "lines";
  const [tool, input] = isLines ? ["take_all", "numbers"] : ["take_bytes", "pieces"];
  const body = ReadableStream.from(isLines ? lines(amount) : pieces(amount));
  const startedAt = performance.now();
  const response = await fetch(`${origin}/v1/execute?tool=${tool}&input=${input}`, {
    method: "POST",
    headers: { "content-type": isLines ? "application/x-ndjson" : "application/octet-stream" },
    body,
  });
  const answer = await response.json();
  if (answer.result !== amount) throw new Error(`wrong answer: ${JSON.stringify(answer)}`);
  const seconds = (performance.now() - startedAt) / 1000;
  return isLines
    ? { itemsPerSecond: amount / seconds }
    : { megabytesPerSecond: amount / 1e6 / seconds };
}

/** Yields the lines 0, 1, 2 and so on, in pieces of some kilobytes. */
function* lines(count: number): Generator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  let text = "";
  for (let i = 0; i < count; i++) {
    text += `${i}\n`;
    if (text.length < PIECE_BYTES && i < count - 1) continue;
    yield encoder.encode(text);
    text = "";
  }
}

function* pieces(bytes: number): Generator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    yield new Uint8Array(Math.min(PIECE_BYTES, bytes - at));
  }
}

if (import.meta.main) {
  try {
    const origin = `http://127.0.0.1:${Deno.args[0]}`;
    await serveCommands({ pids: [], figures: {} }, (it: ClientCommand) => run(origin, it));
  } catch (error) {
    say({ error: messageOf(error) });
    Deno.exit(1);
  }
}
