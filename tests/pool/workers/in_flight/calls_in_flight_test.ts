import assert from "node:assert/strict";
import { Alarms } from "../../../../src/async/alarms.ts";
import type { Attempt } from "../../../../src/pool/calls/mod.ts";
import { profileOf } from "../../../../src/pool/profiles/mod.ts";
import { CallsInFlight } from "../../../../src/pool/workers/in_flight/mod.ts";
import type { LaunchedWorker } from "../../../../src/pool/workers/launchers/mod.ts";
import { FakeClock } from "../../../fixtures/fakes/fake_clock.ts";

function callsInFlight(): { readonly calls: CallsInFlight; readonly attempts: readonly Attempt[] } {
  const alarms = new Alarms(new FakeClock());
  const profile = profileOf({ profile: "thread", threadsPerWorker: 2 });
  const window = profile.open<Attempt>({ alarms, recall: () => {} });
  const attempts = [1, 2].map((linkId) => {
    const attempt = { linkId, expectedMs: 0, inFlightSince: 0, call: { tool: `tool${linkId}` } };
    return attempt as unknown as Attempt;
  });
  for (const it of attempts) window.add(it, 1, 0);
  return { calls: new CallsInFlight(window), attempts };
}

Deno.test("CallsInFlight.drain() keeps no call of a dead worker, not even one that was stuck", () => {
  const { calls, attempts: [stuck, other] } = callsInFlight();
  assert.ok(stuck && other);
  assert.equal(calls.giveUp(stuck, 1), true);
  assert.match(calls.stuckCause?.text ?? "", /^tool1 did not stop/);
  const ended = { progress: undefined, record: undefined } as unknown as LaunchedWorker;
  const { lost, unstarted } = calls.drain(ended, true);
  assert.deepEqual([lost, unstarted], [[stuck, other], []]);
  assert.equal(calls.stuckCause, undefined);
  assert.equal(calls.window.size, 0);
});
