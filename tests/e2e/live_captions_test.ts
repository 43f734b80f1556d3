/**
 * The example of live captions, with a real model in an environment of its own: the package index
 * must be reachable. Times are printed by the client of the example, and are no part of the test.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import {
  CaptionClient,
  type CaptionEvent,
  FRAME_SAMPLES,
} from "../../examples/live_captions/caption_client.ts";
import { joined, RATE, silence, speech } from "../../examples/live_captions/speech.ts";
import { Snakeden } from "../../mod.ts";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import { createApp, OpenSockets } from "../../src/routes/mod.ts";
import { snippetsOf } from "../docs/markdown.ts";
import { isShown } from "../docs/shown_output.ts";
import { HostProcess, ROOT, ServerProcess, tempDir } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";
import { connect, text } from "../routes/socket/raw_client.ts";
import { binary, SocketClient } from "../routes/socket/socket_client.ts";

const PAGE = "examples/live_captions/README.md";
const FOLDER = join(ROOT, dirname(PAGE));
const CLIENTS = 8;
/** Models that each worker loads: one for each client, and one to replace a client that is gone. */
const MODELS = 9;
const WINDOW_MS = 32;
/** The model notices silence some windows late. */
const END_MS = 6 * WINDOW_MS;

const FRAME_MS = FRAME_SAMPLES / RATE * 1_000;
const STRICT = { affinity: "strict_queue" } as const;

interface Talk {
  readonly audio: Int16Array;
  /** The offsets at which speech starts and ends. */
  readonly edgesMs: readonly [number, number, number, number];
}

/** Returns audio with two pieces of speech; each client has other offsets and another voice. */
function talkOf(n: number): Talk {
  const lead = 300 + 20 * n;
  const [pitch, first, pause, second] = [110 + 15 * n, 800, 700, 600];
  const audio = joined(
    silence(lead / 1_000),
    speech(first / 1_000, pitch),
    silence(pause / 1_000),
    speech(second / 1_000, pitch),
    silence(0.4),
  );
  const resumed = lead + first + pause;
  return { audio, edgesMs: [lead, lead + first, resumed, resumed + second] };
}

function assertHeard(events: readonly CaptionEvent[], { edgesMs }: Talk): void {
  assert.deepEqual(events.map(({ type }) => type), ["start", "end", "start", "end"]);
  for (const [i, { type, atMs }] of events.entries()) {
    const late = atMs - (edgesMs[i] ?? NaN);
    const latest = type === "start" ? WINDOW_MS : END_MS;
    assert.ok(late >= -WINDOW_MS && late <= latest, `${type} at ${atMs} ms, ${late} ms late`);
  }
}

/** A client and what it has heard. */
class Speaker implements AsyncDisposable {
  readonly talk: Talk;
  readonly events: CaptionEvent[] = [];
  readonly sessionId: string;
  #client: CaptionClient | undefined;
  #at = 0;

  private constructor(talk: Talk, sessionId: string) {
    this.talk = talk;
    this.sessionId = sessionId;
  }

  static async open(url: string, n: number, run: string): Promise<Speaker> {
    const speaker = new Speaker(talkOf(n), `${run}.${n}`);
    speaker.#client = await CaptionClient.open(url, {
      sessionId: speaker.sessionId,
      onEvent: (it) => speaker.events.push(it),
    });
    return speaker;
  }

  /** Sends the audio up to an offset, each frame when the one before was answered. */
  async speak(untilMs = Infinity): Promise<void> {
    while (this.sendOne(untilMs)) await this.#client?.idle();
  }

  /** Sends the audio up to an offset at once. */
  rush(untilMs: number): void {
    while (this.sendOne(untilMs));
  }

  sendOne(untilMs: number): boolean {
    const { audio } = this.talk;
    const end = this.#at + FRAME_SAMPLES;
    if (end > audio.length || end / RATE * 1_000 > untilMs) return false;
    assert.ok(this.#client?.send(audio.subarray(this.#at, end)));
    this.#at = end;
    return true;
  }

  async idle(): Promise<void> {
    await this.#client?.idle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client?.[Symbol.asyncDispose]();
  }
}

async function speakers(url: string, run: string): Promise<Speaker[]> {
  const numbers = Array.from({ length: CLIENTS }, (_, i) => i + 1);
  return await Promise.all(numbers.map((n) => Speaker.open(url, n, run)));
}

async function leave(all: readonly Speaker[]): Promise<void> {
  await Promise.all(all.map((it) => it[Symbol.asyncDispose]()));
}

interface Usage {
  readonly pid: number;
  readonly loads: number;
  readonly free: number;
}

/** Returns what each worker says of its models. */
async function usages(den: Snakeden): Promise<Usage[]> {
  const found = new Map<number, Usage>();
  await until(async () => {
    const ids = [crypto.randomUUID(), crypto.randomUUID()];
    const ask = (sessionId: string): Promise<Usage> =>
      den.execute<Usage>("usage", {}, { sessionId, ...STRICT });
    for (const it of await Promise.all(ids.map(ask))) found.set(it.pid, it);
    return found.size === 2;
  }, "both workers to answer");
  return [...found.values()];
}

async function workerOf(den: Snakeden, { sessionId }: Speaker): Promise<string | undefined> {
  return (await den.sessions.get(sessionId)).worker?.workerId;
}

async function start(dataDir: string, carrier: CarrierKind): Promise<Snakeden> {
  return await Snakeden.start({
    dataDir,
    pools: [{
      name: "default",
      size: 2,
      carrier,
      adapter: "captions:Captions",
      modulePaths: [FOLDER],
      python: { requirements: [join(FOLDER, "requirements.txt")] },
    }],
  });
}

interface Served extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly sockets: OpenSockets;
}

function serve(den: Snakeden): Served {
  const sockets = new OpenSockets(den.config.limits);
  const app = createApp(den, { version: "1", sockets });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  const { port } = server.addr;
  return {
    port,
    sockets,
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      await sockets.close();
      await server.shutdown();
    },
  };
}

async function hearsAll(den: Snakeden, url: string): Promise<void> {
  const all = await speakers(url, crypto.randomUUID());
  const bound = new Set(await Promise.all(all.map((it) => workerOf(den, it))));
  assert.equal(bound.size, 2);
  await Promise.all(all.map((it) => it.speak()));
  for (const { events, talk } of all) {
    assertHeard(events, talk);
    // The frames of others do not change what is heard, and neither does the size of a frame.
    const sessionId = crypto.randomUUID();
    await den.sessions.open(sessionId);
    const pcm = new Uint8Array(talk.audio.buffer);
    const whole = await den.execute<{ type: string; at_ms: number }[]>(
      "hear",
      { pcm, at_ms: 0 },
      { sessionId, ...STRICT },
    );
    await den.sessions.delete(sessionId);
    assert.deepEqual(whole.map(({ type, at_ms }) => ({ type, atMs: at_ms })), events);
  }
  assert.deepEqual((await usages(den)).map(({ loads }) => loads), [MODELS, MODELS]);
  await leave(all);
  const isFree = async (): Promise<boolean> =>
    (await usages(den)).every(({ free }) => free === MODELS);
  await until(isFree, "the models of those who have left to be free");
}

async function freesSlots(den: Snakeden, url: string): Promise<void> {
  const pool = (): { busy: number } => den.pools.get("default").workers;
  const client = await SocketClient.open(url);
  for (const id of [1, 2]) {
    client.send({ type: "call", id, tool: "listen", input: "frames", stream: true });
    client.send(binary("item", id, new Uint8Array(640)));
  }
  await until(() => pool().busy === 2, "both workers to listen");
  await client[Symbol.asyncDispose]();
  await until(() => pool().busy === 0, "both workers to be free");
  assert.deepEqual((await usages(den)).map(({ free }) => free), [MODELS, MODELS]);
}

async function listensToOne(url: string): Promise<void> {
  const talk = talkOf(3);
  await using client = await SocketClient.open(url);
  client.send({ type: "call", id: 1, tool: "listen", input: "frames" });
  for (let at = 0; at + FRAME_SAMPLES <= talk.audio.length; at += FRAME_SAMPLES) {
    const frame = talk.audio.slice(at, at + FRAME_SAMPLES);
    client.send(binary("item", 1, new Uint8Array(frame.buffer)));
  }
  client.send({ type: "end", id: 1 });
  const { result } = await client.last(1);
  const events = result as { type: "start" | "end"; at_ms: number }[];
  assertHeard(events.map(({ type, at_ms }) => ({ type, atMs: at_ms })), talk);
}

async function survivesKill(den: Snakeden, url: string): Promise<void> {
  const all = await speakers(url, crypto.randomUUID());
  const workers = await Promise.all(all.map((it) => workerOf(den, it)));
  // All are in the pause between two pieces of speech.
  await Promise.all(all.map((it) => it.speak(it.talk.edgesMs[1] + 400)));
  const { id, pid } = den.workers.list().find((it) => it.id === workers[0]) ?? {};
  assert.ok(pid);
  const sentMs = all.map((it) => it.talk.edgesMs[1] + 400);
  const lost = all.filter((_, i) => workers[i] === id);
  const others = all.filter((_, i) => workers[i] !== id);
  assert.ok(lost.length > 0 && others.length > 0);
  for (const it of all) it.rush(it.talk.edgesMs[1] + 500);
  signalPid(pid, "SIGKILL");
  await Promise.all(all.map((it) => it.idle()));
  await Promise.all(all.map((it) => it.speak()));
  for (const it of others) assertHeard(it.events, it.talk);
  for (const it of lost) {
    const errors = it.events.filter(({ type }) => type === "error");
    assert.equal(errors.length, 1, JSON.stringify(it.events));
    const [error] = errors as Extract<CaptionEvent, { type: "error" }>[];
    assert.match(error?.code ?? "", /^(worker_crashed|session_worker_unavailable)$/);
    // The offset of the last frame that was answered.
    const atMs = error?.atMs ?? NaN;
    const sent = sentMs[all.indexOf(it)] ?? NaN;
    assert.equal(atMs % FRAME_MS, 0);
    assert.ok(atMs >= sent - FRAME_MS && atMs <= sent + 100, `${atMs}`);
    assertHeard(it.events.filter(({ type }) => type !== "error"), it.talk);
  }
  assert.deepEqual((await usages(den)).map(({ loads }) => loads), [MODELS, MODELS]);
  await leave(all);
}

async function boundsSlowReader(den: Snakeden, { url, port, sockets }: Served): Promise<void> {
  const sessionId = crypto.randomUUID();
  await den.sessions.open(sessionId);
  using raw = await connect(port);
  await until(() => sockets.size === 1, "the socket to be open");
  const before = Deno.memoryUsage().rss;
  const pcm = { $snakeden: "bytes", base64: new Uint8Array(640).toBase64() };
  // Far more than may be open at once. They fit into the buffers of the system, so that the test
  // does not wait for the host to read them.
  for (let id = 1; id <= 3_000; id++) {
    const call = { type: "call", id, tool: "hear", sessionId, ...STRICT };
    const frame = { ...call, args: { pcm, at_ms: FRAME_MS * (id - 1) } };
    await raw.write(text(JSON.stringify(frame)));
  }
  // Others are served as before.
  await using speaker = await Speaker.open(url, 1, crypto.randomUUID());
  await speaker.speak();
  assertHeard(speaker.events, speaker.talk);
  const grown = Deno.memoryUsage().rss - before;
  assert.ok(grown < 128 * 2 ** 20, `${grown} bytes`);
}

Deno.test("examples/live_captions tells where the speech of eight clients starts and ends", async (t) => {
  await using dir = await tempDir();
  for (const carrier of ["socket", "grpc"] as const) {
    await using den = await start(dir.path, carrier);
    await using server = serve(den);
    const { url } = server;
    await t.step(
      `each client hears its own speech, and no model is loaded (${carrier})`,
      () => hearsAll(den, url),
    );
    await t.step(`a client that leaves frees its slot (${carrier})`, () => freesSlots(den, url));
    await t.step(`one client streams to one worker (${carrier})`, () => listensToOne(url));
    await t.step(
      `clients go on when a worker is killed (${carrier})`,
      () => survivesKill(den, url),
    );
    await t.step(
      `a client that reads nothing takes little memory (${carrier})`,
      () => boundsSlowReader(den, server),
    );
  }

  await t.step("the client prints what the page shows", async () => {
    const page = await Deno.readTextFile(join(ROOT, PAGE));
    const snippets = snippetsOf(page);
    await using server = await ServerProcess.start({
      dataDir: dir.path,
      env: { SNAKEDEN_CONFIG: join(FOLDER, "snakeden.config.json") },
    });
    const command = snippets.find(({ text }) => text.includes("client.ts"))?.text.trim() ?? "";
    const args = command.replace("http://localhost:8000", server.url).split(/\s+/).slice(1);
    await using client = new HostProcess(args);
    const { code, stdout, stderr } = await client.finished();
    assert.equal(code, 0, stderr);
    const shown = snippets.find(({ language }) => language === "text")?.text ?? "";
    assert.ok(isShown(shown, stdout), stdout);
  });
});
