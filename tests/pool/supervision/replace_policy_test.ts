import assert from "node:assert/strict";
import type { Place } from "../../../src/hardware/mod.ts";
import {
  type Replaceable,
  type ReplaceOrder,
  ReplacePolicy,
} from "../../../src/pool/supervision/replace_policy.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import { CPU_PLACE, fakeDevice, fakePlace } from "../../fixtures/fakes/fake_place.ts";
import { FakePool } from "../../fixtures/fakes/fake_pool.ts";
import { microtasks, until } from "../../fixtures/until.ts";

const MIB = 1 << 20;
const GPU = fakePlace(1);
const RESERVING = fakePlace(1, { reservedBytes: 100 * MIB });
const UNIFIED = fakePlace(0, { device: fakeDevice(0, { id: "mps", kind: "mps", unified: true }) });

/** Returns a policy for devices of which `free` is free and starts are about to take `demanded`. */
function policyOf(
  order: ReplaceOrder,
  { free = null, demanded = 0 }: {
    readonly free?: number | null | undefined;
    readonly demanded?: number | null | undefined;
  } = {},
): ReplacePolicy {
  return new ReplacePolicy({
    order,
    freeDeviceBytes: () => Promise.resolve(free),
    devices: { demandedBytes: () => demanded },
    clock: new FakeClock(),
  });
}

async function reasonOf(policy: ReplacePolicy, worker: Replaceable): Promise<string | undefined> {
  return policy.reasonToStopFirst(worker, await policy.freeBytes(worker));
}

Deno.test("ReplacePolicy.reasonToStopFirst() decides by the order, the device, its free memory and the need", async () => {
  const reported = [{ memoryBytes: 30 * MIB }, { memoryBytes: 20 * MIB }];
  const cases: readonly {
    readonly order?: ReplaceOrder;
    readonly place: Place | undefined;
    readonly deviceUses?: readonly { readonly memoryBytes: number | null }[];
    readonly free?: number | null;
    readonly demanded?: number | null;
    readonly reason: string | undefined;
  }[] = [
    { order: "start_first", place: RESERVING, free: 0, reason: undefined },
    { order: "stop_first", place: RESERVING, free: 999 * MIB, reason: "replace is stop_first" },
    { order: "stop_first", place: undefined, reason: "replace is stop_first" },
    { place: undefined, reason: undefined },
    { place: CPU_PLACE, reason: undefined },
    { place: GPU, free: 999 * MIB, reason: "the memory that it needs on cuda:1 is unknown" },
    {
      place: GPU,
      deviceUses: [{ memoryBytes: null }],
      free: 999 * MIB,
      reason: "the memory that it needs on cuda:1 is unknown",
    },
    { place: RESERVING, free: 100 * MIB, reason: undefined },
    {
      place: RESERVING,
      free: 100 * MIB - 1,
      reason: "cuda:1 has 100.0 MiB free, and its successor needs 100.0 MiB",
    },
    { place: RESERVING, free: null, reason: "the free memory of cuda:1 is unknown" },
    { place: GPU, deviceUses: reported, free: 50 * MIB, reason: undefined },
    {
      place: GPU,
      deviceUses: reported,
      free: 49 * MIB,
      reason: "cuda:1 has 49.0 MiB free, and its successor needs 50.0 MiB",
    },
    // The reservation is what the pool has promised, whatever one worker uses.
    { place: RESERVING, deviceUses: reported, free: 100 * MIB, reason: undefined },
    {
      place: RESERVING,
      deviceUses: reported,
      free: 60 * MIB,
      reason: "cuda:1 has 60.0 MiB free, and its successor needs 100.0 MiB",
    },
    { place: RESERVING, free: 150 * MIB, demanded: 50 * MIB, reason: undefined },
    {
      place: RESERVING,
      free: 150 * MIB - 1,
      demanded: 50 * MIB,
      reason: "cuda:1 has 150.0 MiB free, and its successor needs 100.0 MiB, and other starts " +
        "50.0 MiB",
    },
    {
      place: RESERVING,
      free: 999 * MIB,
      demanded: null,
      reason: "other workers start on cuda:1, and what they need is unknown",
    },
    { place: UNIFIED, free: null, reason: "the memory that it needs on mps is unknown" },
  ];
  for (const { order = "auto", free, demanded, reason, ...worker } of cases) {
    assert.equal(await reasonOf(policyOf(order, { free, demanded }), worker), reason);
  }
});

Deno.test("ReplacePolicy.mayOverlap() lets workers overlap, but with auto never on an accelerator", () => {
  const table = (["auto", "start_first", "stop_first"] as const).map((order) =>
    [undefined, CPU_PLACE, RESERVING].map((place) =>
      policyOf(order, { free: Infinity }).mayOverlap(place)
    )
  );
  assert.deepEqual(table, [[true, true, false], [true, true, true], [false, false, false]]);
});

Deno.test("ReplacePolicy asks for the free memory at each replacement, of the device of the worker", async () => {
  const asked: string[] = [];
  const policy = new ReplacePolicy({
    order: "auto",
    freeDeviceBytes: (id) => Promise.resolve(asked.push(id) * 60 * MIB),
    clock: new FakeClock(),
  });
  assert.match(await reasonOf(policy, { place: RESERVING }) ?? "", /has 60.0 MiB free/);
  assert.equal(await reasonOf(policy, { place: RESERVING }), undefined);
  assert.deepEqual(asked, ["cuda:1", "cuda:1"]);
});

Deno.test("ReplacePolicy stops first if nobody can tell the free memory, or not within 3 s", async () => {
  const clock = new FakeClock();
  const unknown = "the free memory of cuda:1 is unknown";
  const nobody = new ReplacePolicy({ order: "auto", clock });
  assert.equal(await reasonOf(nobody, { place: RESERVING }), unknown);
  const failing = new ReplacePolicy({
    order: "auto",
    freeDeviceBytes: () => Promise.reject(new Error("no nvidia-smi")),
    clock,
  });
  assert.equal(await reasonOf(failing, { place: RESERVING }), unknown);
  const hanging = new ReplacePolicy({
    order: "auto",
    freeDeviceBytes: () => new Promise(() => {}),
    clock,
  });
  let reason: string | undefined;
  void reasonOf(hanging, { place: RESERVING }).then((it) => reason = it);
  clock.advance(2_999);
  await microtasks();
  assert.equal(reason, undefined);
  clock.advance(1);
  await microtasks();
  assert.equal(reason, unknown);
  assert.equal(clock.pending, 0);
});

for (const end of ["dies", "is stopped with its pool"] as const) {
  Deno.test(`Pool does not wait for the free memory of a device for a worker that ${end}`, async () => {
    // On this clock, nothing is ever late.
    const clock = new FakeClock();
    const asked = Promise.withResolvers<void>();
    await using it = await FakePool.start({ places: [RESERVING] }, {}, {
      clock,
      freeDeviceBytes: () => {
        asked.resolve();
        return new Promise(() => {});
      },
    });
    const stopping = it.pool.stopWorker(it.pool.serving[0] ?? assert.fail());
    await asked.promise;
    if (end === "dies") {
      it.launcher.alive[0]?.exit({ signal: "SIGSEGV" });
      await until(() => it.launcher.launches === 2, "its slot is filled again");
    } else await it.pool.stop();
    await stopping;
    assert.equal(clock.pending, 0);
  });
}
