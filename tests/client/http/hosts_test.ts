import assert from "node:assert/strict";
import { Host } from "../../../src/client/http/mod.ts";
import { nextHost } from "../../../src/client/http/hosts.ts";

function clockedHosts(count: number): { hosts: Host[]; clock: { now(): number; time: number } } {
  const clock = { time: 0, now: (): number => clock.time };
  const hosts = Array.from(
    { length: count },
    (_, i) => new Host(`http://h${i}`, { clock, baseMs: 100, capMs: 1_000 }),
  );
  return { hosts, clock };
}

const NONE: ReadonlySet<Host> = new Set();

Deno.test("Host rests longer with each failure, between half and all of the pause", () => {
  const { hosts: [host], clock } = clockedHosts(1);
  assert.ok(host !== undefined);
  assert.equal(host.restMs, 0);
  for (const pauseMs of [100, 200, 400, 800, 1_000, 1_000]) {
    host.failed();
    assert.ok(host.restMs >= pauseMs / 2 && host.restMs <= pauseMs, `${host.restMs}`);
    clock.time += host.restMs;
    assert.equal(host.restMs, 0);
  }
  host.failed();
  host.answered();
  assert.equal(host.restMs, 0);
  host.failed();
  assert.ok(host.restMs <= 100);
});

Deno.test("nextHost() returns the first that does not rest and was not tried", () => {
  const { hosts, clock } = clockedHosts(3);
  const [a, b, c] = hosts as [Host, Host, Host];
  assert.equal(nextHost(hosts, NONE), a);
  a.failed();
  assert.equal(nextHost(hosts, NONE), b);
  assert.equal(nextHost(hosts, new Set([b])), c);
  assert.equal(nextHost(hosts, new Set(hosts)), undefined);
  clock.time += 100;
  assert.equal(nextHost(hosts, NONE), a);
});

Deno.test("nextHost() returns the one whose rest ends first, if all rest", () => {
  const { hosts, clock } = clockedHosts(2);
  const [a, b] = hosts as [Host, Host];
  a.failed();
  clock.time += 60;
  b.failed();
  b.failed();
  assert.equal(nextHost(hosts, NONE), a);
});
