import assert from "node:assert/strict";
import type { Link, LinkEvents } from "../../src/bridge/mod.ts";
import { Reception } from "../../src/bridge/reception.ts";
import { FakeCarrier } from "../fixtures/fakes/fake_carrier.ts";

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
