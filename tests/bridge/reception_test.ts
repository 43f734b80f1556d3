import assert from "node:assert/strict";
import type { Link, LinkEvents } from "../../src/bridge/mod.ts";
import { Reception } from "../../src/bridge/reception.ts";
import { FakeCarrier } from "../fixtures/fakes/fake_carrier.ts";
import { LogSink } from "../fixtures/log_sink.ts";

const SILENT: LinkEvents = { onLog: () => {}, onClosed: () => {} };
const NEVER = new AbortController().signal;

const HELLO = {
  protocolVersion: 1,
  workerId: "default-1",
  token: "t",
  pid: 7,
  pythonVersion: "3.11.0",
  packageVersion: "0.1.0",
};

interface SetUp {
  readonly reception: Reception;
  readonly invited: Promise<Link>;
  readonly arrive: () => FakeCarrier;
}

/** Makes a reception that expects one worker. */
function setUp(): SetUp {
  const reception = new Reception(60_000);
  const invitation = { workerId: "default-1", token: "t", events: SILENT, signal: NEVER };
  const arrive = (): FakeCarrier => {
    const carrier = new FakeCarrier();
    reception.greet(carrier);
    return carrier;
  };
  return { reception, invited: reception.invite(invitation), arrive };
}

Deno.test("Reception accepts one of two workers with the same token in one turn", async () => {
  const { invited, arrive } = setUp();
  const [first, second] = [arrive(), arrive()];
  first.deliver({ hello: HELLO });
  second.deliver({ hello: HELLO });
  await invited;
  assert.deepEqual([first.closed, second.closed], [false, true]);
  assert.match(second.sent[0]?.refused?.error?.message ?? "", /was used before/);
});

Deno.test("Reception stops a worker whose invitation was withdrawn, without a warning, and warns of a stranger", async () => {
  await using log = new LogSink();
  const reception = new Reception(60_000);
  const given = new AbortController();
  const invitation = { workerId: "default-1", token: "t", events: SILENT, signal: given.signal };
  const invited = reception.invite(invitation);
  given.abort(new Error("given up"));
  await assert.rejects(invited, /given up/);
  const arrive = (): FakeCarrier => {
    const carrier = new FakeCarrier();
    reception.greet(carrier);
    carrier.deliver({ hello: HELLO });
    return carrier;
  };
  const late = arrive();
  assert.ok(late.sent[0]?.stop);
  assert.ok(late.closed);
  assert.doesNotMatch(await log.text(), /refused|unknown/);
  const stranger = arrive();
  assert.match(stranger.sent[0]?.refused?.error?.message ?? "", /token is unknown/);
  assert.match(await log.text(), /WARN .*refused the worker default-1: The token is unknown/);
});

Deno.test("Reception.close() refuses expected workers and ends streams without a hello", async () => {
  const { reception, invited, arrive } = setUp();
  const carrier = arrive();
  reception.close();
  assert.ok(carrier.closed);
  carrier.end();
  await assert.rejects(invited, { code: "shutting_down" });
  assert.ok(arrive().closed, "a stream that comes later is closed too");
  const late = { workerId: "default-2", token: "u", events: SILENT, signal: NEVER };
  await assert.rejects(reception.invite(late), { code: "shutting_down" });
});
