import assert from "node:assert/strict";
import { UnreadAnswers } from "../../../src/routes/http/mod.ts";
import { HIGH_BYTES, Outlet, type SendingSocket } from "../../../src/routes/socket/outlet.ts";
import { until } from "../../fixtures/until.ts";

/** A socket whose client reads when it is told to. */
class Socket implements SendingSocket {
  bufferedAmount = 0;
  readonly sent: number[] = [];

  send(data: string | Uint8Array): void {
    this.bufferedAmount += data.length;
    this.sent.push(data.length);
  }
}

interface Parts {
  readonly socket: Socket;
  readonly outlet: Outlet;
  readonly answers: UnreadAnswers;
  readonly stuck: () => number;
}

function open({ answerTimeoutMs = 60_000, maxUnreadBytes = 2 ** 20 } = {}): Parts & Disposable {
  const socket = new Socket();
  const answers = new UnreadAnswers({ maxUnreadBytes, maxResultBytes: 1_024, answerTimeoutMs });
  let stuck = 0;
  const outlet = new Outlet(socket, { answers, answerTimeoutMs, onStuck: () => stuck++ });
  return { socket, outlet, answers, stuck: () => stuck, [Symbol.dispose]: () => outlet.close() };
}

Deno.test("Outlet.ready() waits until the client has read, and lets senders in one by one", async () => {
  using it = open();
  const { socket, outlet } = it;
  assert.equal(outlet.ready(), undefined);
  outlet.send(new Uint8Array(HIGH_BYTES + 1));
  const begun: number[] = [];
  const senders = [1, 2, 3].map(async (n) => {
    await outlet.ready();
    begun.push(n);
    outlet.send(new Uint8Array(HIGH_BYTES + n));
  });
  await Promise.resolve();
  assert.deepEqual(begun, []);
  for (const n of [1, 2, 3]) {
    socket.bufferedAmount = 0;
    await until(() => begun.length === n, `sender ${n}`);
  }
  assert.deepEqual(begun, [1, 2, 3]);
  await Promise.all(senders);
});

Deno.test("Outlet.reserve() counts large answers until the client has read them", async () => {
  using it = open({ maxUnreadBytes: 100_000 });
  const { socket, outlet, answers } = it;
  assert.equal(outlet.reserve(1_000), undefined);
  {
    using _room = outlet.reserve(80_000);
    outlet.send(new Uint8Array(80_000));
  }
  assert.throws(() => answers.hold(50_000), { code: "server_busy" });
  socket.bufferedAmount = 0;
  await until(() => outlet.unreadBytes === 0, "the answer to be read");
  answers.hold(50_000)[Symbol.dispose]();
});

Deno.test("Outlet reports a client that reads nothing for too long, once, and wakes its senders", async () => {
  using it = open({ answerTimeoutMs: 200 });
  const { outlet, stuck } = it;
  const begunAt = performance.now();
  outlet.send(new Uint8Array(HIGH_BYTES + 1));
  await outlet.ready();
  // Never earlier; later is the machine's affair.
  assert.ok(performance.now() - begunAt >= 200);
  assert.equal(outlet.isOpen, false);
  assert.equal(stuck(), 1);
  outlet.send("dropped");
  assert.deepEqual(it.socket.sent, [HIGH_BYTES + 1]);
});

Deno.test("Outlet keeps a client that reads slowly", async () => {
  using it = open({ answerTimeoutMs: 300 });
  const { socket, outlet, stuck } = it;
  outlet.send(new Uint8Array(HIGH_BYTES + 1_000));
  const ready = outlet.ready();
  const end = performance.now() + 900;
  await until(() => {
    if (socket.bufferedAmount > HIGH_BYTES + 10) socket.bufferedAmount--;
    return performance.now() > end;
  }, "three times the limit");
  assert.equal(stuck(), 0);
  socket.bufferedAmount = 0;
  await ready;
  assert.equal(outlet.isOpen, true);
});

Deno.test("Outlet.close() wakes senders and frees everything", async () => {
  const it = open({ maxUnreadBytes: 100_000 });
  const { outlet, answers } = it;
  const room = outlet.reserve(90_000);
  outlet.send(new Uint8Array(HIGH_BYTES + 1));
  const ready = outlet.ready();
  outlet.close();
  await ready;
  room?.[Symbol.dispose]();
  answers.hold(100_000)[Symbol.dispose]();
});
