import assert from "node:assert/strict";
import { type Message, SocketClient } from "../../routes/socket/socket_client.ts";
import { connect, text } from "../../routes/socket/raw_client.ts";
import type { Random } from "../random.ts";
import { errorOf, isOfTheWorld, type Kind, pause } from "./kind.ts";

const MAX_CALLS = 8;

/** A call on a socket: what its client sends, and a check of what comes back. */
interface SocketCall {
  /** The messages without their id. */
  readonly messages: readonly Readonly<Record<string, unknown>>[];
  readonly check: (result: unknown, chunks: readonly unknown[]) => void;
  /** The code with which the call must end. */
  readonly code?: string;
}

/** Sockets with several calls at once, which are closed well, early, or without a word. */
export class SocketKinds {
  readonly #origin: string;
  readonly #port: number;

  constructor({ origin }: { readonly origin: string }) {
    this.#origin = origin;
    this.#port = Number(new URL(origin).port);
  }

  get kinds(): Kind[] {
    return [
      { name: "socket", weight: 5, run: (random) => this.#use(random) },
      { name: "socket closed early", weight: 2, run: (random) => this.#closeEarly(random) },
      { name: "socket cut", weight: 4, run: (random) => this.#cut(random) },
    ];
  }

  async #use(random: Random): Promise<void> {
    await using client = await SocketClient.open(this.#origin);
    const calls = someCalls(random);
    for (const [id, { messages }] of calls.entries()) {
      for (const message of messages) client.send({ ...message, id });
    }
    const chunks = calls.map((): unknown[] => []);
    const errors: unknown[] = [];
    for (let open = calls.length; open > 0;) {
      const message: Message = await client.next();
      const id = Number(message.id);
      if (message.type === "chunk") chunks[id]?.push(message.value);
      if (message.type === "result") {
        assert.equal(calls[id]?.code, undefined);
        calls[id]?.check(message.result, chunks[id] ?? []);
      } else if (message.type === "error") {
        const error = errorOf(message.problem as Parameters<typeof errorOf>[0]);
        if (error.code !== calls[id]?.code) errors.push(error);
      } else continue;
      open--;
    }
    const error = errors.find((it) => !isOfTheWorld(it)) ?? errors[0];
    if (error !== undefined) throw error;
  }

  /** Says good-bye while calls run. */
  async #closeEarly(random: Random): Promise<void> {
    await using client = await SocketClient.open(this.#origin);
    for (const [id, { messages }] of [...someCalls(random), ...endlessCalls()].entries()) {
      for (const message of messages) client.send({ ...message, id });
    }
    await pause(random.below(40));
  }

  /** Closes the connection below the socket while calls run. */
  async #cut(random: Random): Promise<void> {
    using client = await connect(this.#port);
    assert.equal(client.status, 101);
    const frames = [...someCalls(random), ...endlessCalls()].flatMap(({ messages }, id) =>
      messages.map((message) => text(JSON.stringify({ ...message, id })))
    );
    const whole = random.below(frames.length + 1);
    for (const frame of frames.slice(0, whole)) await client.write(frame);
    const last = frames[whole];
    if (last !== undefined) await client.write(last.subarray(0, random.below(last.length)));
    await pause(random.below(40));
  }
}

function someCalls(random: Random): SocketCall[] {
  return Array.from({ length: 1 + random.below(MAX_CALLS) }, () => oneCall(random));
}

function oneCall(random: Random): SocketCall {
  const n = random.below(200);
  const all = Array.from({ length: n }, (_, i) => i);
  const call = (tool: string, args: Readonly<Record<string, unknown>>, more = {}) => ({
    type: "call",
    tool,
    args,
    ...more,
  });
  const items = [...all.map((value) => ({ type: "chunk", value })), { type: "end" }];
  const some: readonly SocketCall[] = [
    { messages: [call("quick", { key: n })], check: (result) => assert.equal(result, n) },
    { messages: [call("double", { n })], check: (result) => assert.equal(result, 2 * n) },
    {
      messages: [call("numbers", { n }, { stream: true })],
      check: (_, chunks) => assert.deepEqual(chunks, all),
    },
    {
      messages: [call("items", { n, pauseMs: 1 }, { stream: true })],
      check: (_, chunks) => assert.deepEqual(chunks, all),
    },
    {
      messages: [call("read_input", {}, { input: "numbers" }), ...items],
      check: (result) => assert.deepEqual(result, [n, (n * n - n) / 2]),
    },
    {
      messages: [call("echo_input", {}, { input: "items", stream: true }), ...items],
      check: (_, chunks) => assert.deepEqual(chunks, all),
    },
    {
      messages: [call("ask_host", { name: "double_later", args: { n } })],
      check: (result) => assert.equal(result, 2 * n),
    },
    {
      messages: [call("nap", { seconds: 5 }), { type: "cancel" }],
      check: () => assert.fail("a call that was cancelled has a result"),
      code: "cancelled",
    },
    {
      messages: [call("raises", { text: "as it should" })],
      check: () => assert.fail("a tool that raises has a result"),
      code: "python_exception",
    },
  ];
  return random.pick(some) ?? assert.fail();
}

/** Calls that only the end of the socket ends. */
function endlessCalls(): SocketCall[] {
  const check = (): void => {};
  return [
    { messages: [{ type: "call", tool: "nap", args: { seconds: 60 } }], check },
    {
      messages: [
        { type: "call", tool: "read_input", args: {}, input: "numbers" },
        { type: "chunk", value: 1 },
      ],
      check,
    },
    {
      messages: [{ type: "call", tool: "items", args: { n: 1e9, pauseMs: 1 }, stream: true }],
      check,
    },
    { messages: [{ type: "call", tool: "ask_host", args: { name: "waits", args: {} } }], check },
  ];
}
