import assert from "node:assert/strict";
import { Alarms } from "../../../../src/async/mod.ts";
import { Scaling } from "../../../../src/pool/supervision/scaling/mod.ts";
import { FakeClock } from "../../../fixtures/fakes/fake_clock.ts";
import { microtasks } from "../../../fixtures/until.ts";

Deno.test("Scaling looks at no slot when a worker of a pool of min workers becomes idle", async () => {
  let looks = 0;
  const scaling = new Scaling(
    { name: "p", size: 256, min: 1, startConcurrency: 4 },
    {
      slots: {
        all: [],
        get wanted(): number {
          looks++;
          return 1;
        },
        inUse: 1,
        filling: 0,
        wake: () => undefined,
      },
      alarms: new Alarms(new FakeClock()),
      startMs: () => undefined,
      occupancyOf: () => undefined,
      holderOf: () => undefined,
      end: () => {},
      onWanted: () => {},
    },
  );
  scaling.start();
  scaling.reconsider();
  const before = looks;
  for (let i = 0; i < 10; i++) {
    scaling.idles();
    await microtasks();
  }
  assert.equal(looks, before);
  scaling.close();
});
