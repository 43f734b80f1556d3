import fc from "fast-check";
import assert from "node:assert/strict";
import { SlabSpace } from "../../../src/bridge/shared_memory/slab_space.ts";

const PAGE = 4096;

Deno.test("SlabSpace.allocate() takes the lowest gap that is large enough", () => {
  const space = new SlabSpace(6 * PAGE);
  assert.deepStrictEqual([1, PAGE, 2 * PAGE].map((it) => space.allocate(it)), [0, PAGE, 2 * PAGE]);
  space.release(0);
  space.release(2 * PAGE);
  assert.equal(space.allocate(PAGE + 1), 2 * PAGE);
  assert.equal(space.allocate(PAGE), 0);
  assert.equal(space.allocate(3 * PAGE), undefined);
  assert.equal(space.allocate(2 * PAGE), 4 * PAGE);
});

Deno.test("SlabSpace.allocate() reserves a page for zero bytes, so that no two places share an offset", () => {
  const space = new SlabSpace(2 * PAGE);
  assert.deepStrictEqual([0, 0, 0].map((it) => space.allocate(it)), [0, PAGE, undefined]);
});

Deno.test("SlabSpace.allocate() ignores a partial page at the end", () => {
  const space = new SlabSpace(2 * PAGE - 1);
  assert.equal(space.allocate(PAGE + 1), undefined);
  assert.equal(space.allocate(PAGE), 0);
});

Deno.test("SlabSpace.release() ignores a place that is not in use", () => {
  const space = new SlabSpace(4 * PAGE);
  const offset = space.allocate(2 * PAGE) ?? assert.fail("no room");
  assert.equal(space.allocate(PAGE), 2 * PAGE);
  assert.equal(space.release(PAGE), false);
  assert.equal(space.release(99), false);
  assert.equal(space.release(offset), true);
  assert.equal(space.release(offset), false);
  assert.equal(space.release(2 * PAGE), true);
  assert.equal(space.allocate(4 * PAGE), 0);
});

Deno.test("SlabSpace keeps places apart and inside, in any sequence of steps", () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ allocate: fc.nat({ max: 9 * PAGE }) }),
      fc.record({ release: fc.nat({ max: 40 }) }),
    ),
    { maxLength: 200 },
  );
  fc.assert(fc.property(fc.integer({ min: 1, max: 40 * PAGE }), steps, (bytes, script) => {
    const space = new SlabSpace(bytes);
    const places = new Map<number, number>();
    for (const step of script) {
      if ("release" in step) {
        const offset = step.release * PAGE;
        assert.equal(space.release(offset), places.delete(offset));
        continue;
      }
      const offset = space.allocate(step.allocate);
      if (offset === undefined) {
        assert.ok(largestGap(places, bytes) < Math.max(1, step.allocate), "it had room");
        continue;
      }
      assert.equal(offset % PAGE, 0);
      assert.ok(offset + step.allocate <= bytes);
      for (const [other, length] of places) {
        assert.ok(offset + step.allocate <= other || other + Math.max(1, length) <= offset);
      }
      places.set(offset, step.allocate);
    }
    assert.equal(space.count, places.size);
    for (const offset of places.keys()) space.release(offset);
    const whole = Math.floor(bytes / PAGE) * PAGE;
    assert.equal(space.allocate(whole), whole === 0 ? undefined : 0);
  }));
});

/** Returns the size of the largest gap between places in bytes: a multiple of a page. */
function largestGap(places: ReadonlyMap<number, number>, bytes: number): number {
  const ordered = [...places].sort(([a], [b]) => a - b);
  let largest = 0;
  let end = 0;
  for (const [offset, length] of [...ordered, [bytes, 0] as const]) {
    largest = Math.max(largest, Math.floor((offset - end) / PAGE) * PAGE);
    end = offset + Math.max(1, Math.ceil(length / PAGE)) * PAGE;
  }
  return largest;
}
