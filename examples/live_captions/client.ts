/**
 * Lets some speakers talk at once, each over a socket of its own and in real time, and prints where
 * the speech of each starts and ends.
 *
 *     deno run --allow-net examples/live_captions/client.ts URL [SPEAKERS]
 */
import { CaptionClient, type CaptionEvent, FRAME_SAMPLES } from "./caption_client.ts";
import { joined, RATE, silence, speech } from "./speech.ts";

const [url, count = "8"] = Deno.args;
const speakers = Number(count);
if (url === undefined || !Number.isSafeInteger(speakers) || speakers < 1) {
  console.error("usage: client.ts URL [SPEAKERS], a whole number from 1");
  Deno.exit(2);
}

const FRAME_MS = 20;
const run = crypto.randomUUID();
const answerMs: number[] = [];
const firstMs: number[] = [];
const opened: number[] = [];
/** Resolves when all speakers have opened their sockets, so that none waits for another one. */
const everyone = Promise.withResolvers<void>();

/** Returns the audio of a speaker, and the offset at which its speech starts. */
function audioOf(n: number): { readonly audio: Int16Array; readonly speechAtMs: number } {
  const speechAtMs = 400 + 40 * n;
  const pitchHz = 110 + 15 * n;
  const audio = joined(
    silence(speechAtMs / 1_000),
    speech(1, pitchHz),
    silence(0.6),
    speech(0.8, pitchHz),
    silence(0.4),
  );
  return { audio, speechAtMs };
}

/** Sends audio as fast as it would be spoken; returns the events. */
async function speak(n: number): Promise<CaptionEvent[]> {
  const { audio, speechAtMs } = audioOf(n);
  const events: CaptionEvent[] = [];
  let speechSentAt = Infinity;
  await using client = await CaptionClient.open(url ?? "", {
    sessionId: `${run}.${n}`,
    onEvent: (event) => {
      if (events.length === 0) firstMs.push(performance.now() - speechSentAt);
      events.push(event);
    },
    onAnswer: (ms) => answerMs.push(ms),
  });
  opened.push(n);
  if (opened.length === speakers) everyone.resolve();
  await everyone.promise;
  const begin = performance.now() + FRAME_MS * n / speakers;
  for (let i = 0; i + FRAME_SAMPLES <= audio.length; i += FRAME_SAMPLES) {
    const atMs = i / RATE * 1_000;
    const waitMs = Math.max(0, begin + atMs - performance.now());
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (atMs === speechAtMs) speechSentAt = performance.now();
    client.send(audio.subarray(i, i + FRAME_SAMPLES));
  }
  await client.idle();
  return events;
}

const heard = await Promise.all(Array.from({ length: speakers }, (_, i) => speak(i + 1)));
for (const [i, events] of heard.entries()) {
  const texts = events.map((it) =>
    `${it.type} ${(it.atMs / 1_000).toFixed(3)} s${it.type === "error" ? ` (${it.code})` : ""}`
  );
  console.log(`speaker ${i + 1}: ${texts.join(", ")}`);
}
answerMs.sort((a, b) => a - b);
const [p50, p99] = [0.5, 0.99].map((it) => answerMs[Math.floor(answerMs.length * it)] ?? NaN);
console.log(
  `${answerMs.length} frames, answered after ${p50?.toFixed(1)} ms (p99 ${p99?.toFixed(1)} ms)`,
);
console.log(`first event ${Math.max(...firstMs).toFixed(1)} ms after the start of the speech`);
