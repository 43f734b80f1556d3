import assert from "node:assert/strict";
import { join } from "node:path";
import {
  BridgeServer,
  type CarrierKind,
  Link,
  PROTOCOL_VERSION,
  Value,
} from "../../src/bridge/mod.ts";
import { until } from "../fixtures/until.ts";
import { type DialedWorker, dialWorker, hello, testEachCarrier } from "./dialed_worker.ts";

const NEVER = new AbortController().signal;
const SILENT = { onLog: () => {}, onClosed: () => {} };

interface SetUp extends AsyncDisposable {
  readonly bridge: BridgeServer;
  readonly directory: string;
  dial(): DialedWorker;
  /** Invites the worker default-1. */
  invite(token: string, signal?: AbortSignal): Promise<Link>;
}

async function setUp(
  carrier: CarrierKind,
  options: { helloTimeoutMs?: number } = {},
): Promise<SetUp> {
  const directory = await Deno.makeTempDir({ prefix: "snakeden-test-" });
  const bridge = await BridgeServer.listen(directory, { carriers: [carrier], ...options });
  return {
    bridge,
    directory,
    dial: () => dialWorker(bridge.address(carrier)),
    invite: (token, signal = NEVER) =>
      bridge.invite({ workerId: "default-1", token, events: SILENT, signal }),
    async [Symbol.asyncDispose](): Promise<void> {
      await bridge[Symbol.asyncDispose]();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

testEachCarrier(
  "BridgeServer.invite() resolves with the link of the worker that has the token",
  async (carrier) => {
    await using it = await setUp(carrier);
    const invited = it.invite("secret");
    await using worker = it.dial();
    worker.say(hello("secret", { pid: 42, pythonVersion: "3.12.1" }));
    const link = await invited;
    assert.equal(link.hello.pid, 42);
    assert.equal(link.hello.pythonVersion, "3.12.1");
    const ready = link.welcome({ adapters: ["texts:Texts"] });
    assert.deepStrictEqual((await worker.hear("welcome")).adapters, ["texts:Texts"]);
    worker.say({ ready: { tools: [{ name: "classify" }] } });
    assert.deepStrictEqual((await ready).tools.map((tool) => tool.name), ["classify"]);
  },
);

testEachCarrier(
  "BridgeServer passes on messages that came in one frame with the hello",
  async (carrier) => {
    await using it = await setUp(carrier);
    const invited = it.invite("secret");
    await using worker = it.dial();
    worker.say(hello("secret"), { ready: { tools: [{ name: "early" }] } });
    const ready = await (await invited).welcome({});
    assert.equal(ready.tools[0]?.name, "early");
  },
);

testEachCarrier(
  "BridgeServer refuses a worker with another token, with a reason, and ends its stream",
  async (carrier) => {
    await using it = await setUp(carrier);
    const leaving = new AbortController();
    const invited = it.invite("secret", leaving.signal);
    await using worker = it.dial();
    worker.say(hello("guess"));
    const { error } = await worker.hear("refused");
    assert.equal(error?.code, "protocol_mismatch");
    assert.equal(error?.message, "The token is unknown, or was used before");
    await worker.ended();
    // The worker with the right token is still accepted.
    await using right = it.dial();
    right.say(hello("secret"));
    await invited;
  },
);

testEachCarrier("BridgeServer accepts a token once", async (carrier) => {
  await using it = await setUp(carrier);
  const invited = it.invite("secret");
  await using first = it.dial();
  first.say(hello("secret"));
  const link = await invited;
  await using second = it.dial();
  second.say(hello("secret"));
  await second.hear("refused");
  assert.equal(link.closedReason, undefined);
});

testEachCarrier(
  "BridgeServer refuses another version of the link, and the invitation rejects with the reason",
  async (carrier) => {
    await using it = await setUp(carrier);
    const invited = it.invite("secret");
    await using worker = it.dial();
    worker.say(hello("secret", { protocolVersion: PROTOCOL_VERSION + 1 }));
    const message = "The worker speaks version 2 of the link, the host version 1: " +
      "install the snakeden package of this host";
    await assert.rejects(invited, { code: "protocol_mismatch", message });
    assert.equal((await worker.hear("refused")).error?.message, message);
  },
);

testEachCarrier("BridgeServer refuses a token that belongs to another worker", async (carrier) => {
  await using it = await setUp(carrier);
  const invited = it.invite("secret");
  await using worker = it.dial();
  worker.say(hello("secret", { workerId: "default-2" }));
  await assert.rejects(invited, {
    message: "The token belongs to the worker default-1, not to default-2",
  });
});

testEachCarrier(
  "BridgeServer refuses a stream that does not begin with a hello, even if one follows",
  async (carrier) => {
    await using it = await setUp(carrier);
    const leaving = new AbortController();
    const invited = it.invite("secret", leaving.signal);
    const outcome = invited.then(() => "accepted", () => "left");
    await using worker = it.dial();
    worker.say({ pong: { id: 1 } });
    worker.say(hello("secret"));
    assert.match((await worker.hear("refused")).error?.message ?? "", /must be a hello/);
    await worker.ended();
    leaving.abort();
    assert.equal(await outcome, "left");
    await using empty = it.dial();
    empty.say();
    await empty.hear("refused");
  },
);

testEachCarrier(
  "BridgeServer ends a stream that sends garbage, and serves the others",
  async (carrier) => {
    await using it = await setUp(carrier);
    const invited = it.invite("secret");
    await using worker = it.dial();
    await using garbage = it.dial();
    garbage.sayBytes(new Uint8Array([0xff, 0xff, 0xff, 0xff, 0xff]));
    await garbage.ended();
    worker.say(hello("secret"));
    const link = await invited;
    const ping = link.ping(NEVER);
    worker.say({ pong: { id: (await worker.hear("ping")).id } });
    assert.ok(await ping >= 0);
  },
);

testEachCarrier(
  "BridgeServer closes the link of a worker that sends garbage after its hello",
  async (carrier) => {
    await using it = await setUp(carrier);
    const invited = it.invite("secret");
    await using worker = it.dial();
    worker.say(hello("secret"));
    const link = await invited;
    worker.sayBytes(new Uint8Array([0x0a, 0xff]));
    await until(() => link.closedReason !== undefined, "the link is closed");
  },
);

testEachCarrier("BridgeServer ends a stream without a hello", async (carrier) => {
  await using it = await setUp(carrier, { helloTimeoutMs: 20 });
  await using worker = it.dial();
  assert.match((await worker.hear("refused")).error?.message ?? "", /No hello came within 20 ms/);
  await worker.ended();
});

testEachCarrier("BridgeServer keeps a stream whose hello came in time", async (carrier) => {
  await using it = await setUp(carrier, { helloTimeoutMs: 200 });
  const invited = it.invite("secret");
  await using worker = it.dial();
  worker.say(hello("secret"));
  const link = await invited;
  await using silent = it.dial();
  await silent.hear("refused");
  assert.equal(link.closedReason, undefined);
});

testEachCarrier(
  "BridgeServer.invite() rejects with the reason of its signal, and a worker that comes later is stopped",
  async (carrier) => {
    await using it = await setUp(carrier);
    const leaving = new AbortController();
    const invited = it.invite("secret", leaving.signal);
    const reason = new Error("enough");
    leaving.abort(reason);
    await assert.rejects(invited, reason);
    await assert.rejects(it.invite("secret", leaving.signal), reason);
    await using worker = it.dial();
    worker.say(hello("secret"));
    await worker.hear("stop");
  },
);

testEachCarrier(
  "BridgeServer closes the link when its worker ends the stream or is gone",
  async (carrier) => {
    await using it = await setUp(carrier);
    for (const leave of ["end", "vanish"] as const) {
      const closed = Promise.withResolvers<string>();
      const invited = it.bridge.invite({
        workerId: "default-1",
        token: leave,
        events: { onLog: () => {}, onClosed: closed.resolve },
        signal: NEVER,
      });
      await using worker = it.dial();
      worker.say(hello(leave));
      const link = await invited;
      if (leave === "end") worker.end();
      else await worker[Symbol.asyncDispose]();
      assert.equal(await closed.promise, link.closedReason);
    }
  },
);

testEachCarrier("Link.close() ends the stream of the worker", async (carrier) => {
  await using it = await setUp(carrier);
  const invited = it.invite("secret");
  await using worker = it.dial();
  worker.say(hello("secret"));
  (await invited).close();
  await worker.ended();
});

testEachCarrier(
  "BridgeServer[Symbol.asyncDispose]() ends all streams and invitations and removes the socket",
  async (carrier) => {
    await using it = await setUp(carrier);
    const invited = it.invite("secret");
    const pending = it.invite("nobody comes");
    pending.catch(() => {});
    await using worker = it.dial();
    await using silent = it.dial();
    worker.say(hello("secret"));
    const link = await invited;
    const first = it.bridge[Symbol.asyncDispose]();
    await it.bridge[Symbol.asyncDispose]();
    assert.deepStrictEqual([...Deno.readDirSync(it.directory)], []);
    await first;
    assert.notEqual(link.closedReason, undefined);
    await assert.rejects(pending, { code: "shutting_down" });
    await assert.rejects(it.invite("late"), { code: "shutting_down" });
    await worker.ended();
    await silent.ended();
  },
);

testEachCarrier(
  "BridgeServer.listen() creates a socket that only its owner can open",
  async (carrier) => {
    await using it = await setUp(carrier);
    const [socket] = [...Deno.readDirSync(it.directory)];
    const { mode } = await Deno.stat(join(it.directory, socket?.name ?? ""));
    assert.equal((mode ?? 0) & 0o777, 0o600);
  },
);

Deno.test("BridgeServer.listen() names the path on which it cannot listen", async () => {
  for (const [carrier, name] of [["socket", "link.sock"], ["grpc", "grpc.sock"]] as const) {
    await assert.rejects(BridgeServer.listen("/nonexistent", { carriers: [carrier] }), {
      code: "startup_failed",
      message: new RegExp(`^Cannot listen for workers on /nonexistent/${name}: `),
    });
  }
});

testEachCarrier("BridgeServer can be started and disposed repeatedly", async (carrier) => {
  for (let i = 0; i < 20; i++) {
    await using it = await setUp(carrier);
    const invited = it.invite("secret");
    await using worker = it.dial();
    worker.say(hello("secret"));
    await invited;
  }
});

testEachCarrier(
  "Link carries 50,000 calls over one stream, each with its own answer",
  async (carrier) => {
    await using it = await setUp(carrier);
    const invited = it.invite("secret");
    await using worker = it.dial();
    worker.say(hello("secret"));
    const link = await invited;
    const total = 50_000;
    let wrong = 0;
    let answered = 0;
    let echoed = 0;
    const echo = async (): Promise<void> => {
      while (echoed < total) {
        await until(() => worker.received.length > 0, "calls have come");
        const calls = worker.received.splice(0);
        echoed += calls.length;
        const taken = worker.say(...calls.map(({ call }) => ({
          result: { id: call?.id ?? 0, value: call?.args ?? null, runMs: 0 },
        })));
        if (!taken) await worker.drained();
      }
    };
    const echoing = echo();
    for (let i = 0; i < total; i++) {
      link.call({
        tool: "echo",
        args: Value.from({ i }),
        timeoutMs: 0,
        stream: false,
        windowBytes: 0,
        sessionId: "",
        requestId: "",
      }, {
        onResult: (value) => {
          answered++;
          if ((value.decode() as { i: number }).i !== i) wrong++;
        },
        onFailure: () => wrong++,
        onChunk: () => wrong++,
        onProgress: () => wrong++,
        onRecalled: () => wrong++,
      });
      // The first calls come one in each turn, the rest in bursts.
      if (i < 1_000 || i % 500 === 0) await undefined;
    }
    await echoing;
    await until(() => answered === total, "every call is answered");
    assert.equal(wrong, 0);
  },
);

testEachCarrier("Link carries 32 MiB in one call and one result", async (carrier) => {
  await using it = await setUp(carrier);
  const invited = it.invite("secret");
  await using worker = it.dial();
  worker.say(hello("secret"));
  const link = await invited;
  const sent = new Uint8Array(32 << 20);
  for (let i = 0; i < sent.length; i += 4_093) sent[i] = i;
  const result = Promise.withResolvers<Value>();
  link.call({
    tool: "echo",
    args: Value.from({ data: sent }),
    timeoutMs: 0,
    stream: false,
    windowBytes: 0,
    sessionId: "",
    requestId: "",
  }, {
    onResult: result.resolve,
    onFailure: ({ message }) => result.reject(new Error(message)),
    onChunk: () => {},
    onProgress: () => {},
    onRecalled: () => {},
  });
  const { id, args } = await worker.hear("call");
  worker.say({ result: { id, value: args ?? null, runMs: 0 } });
  const { data } = (await result.promise).decode() as { data: Uint8Array };
  assert.equal(data.length, sent.length);
  assert.ok(data.every((byte, i) => byte === sent[i]), "the bytes differ");
});
