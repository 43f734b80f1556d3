import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { LoneSignal, SYSTEM_CLOCK } from "../../../src/async/mod.ts";
import { SnakedenError } from "../../../src/errors.ts";
import { BatchWork, type BatchWorkDeps, InlineFeed } from "../../../src/jobs/batches/mod.ts";
import { NOTHING_REACHED } from "../../../src/jobs/batches/checkpoint.ts";
import { memoryBlobs } from "../../../src/store/mod.ts";

type BulkEnd = Awaited<ReturnType<BatchWorkDeps["bulk"]>>;

const MIB = 1024 * 1024;

/** The dependencies of a batch of numbers, whose parts `bulk` runs. */
function depsOf(
  count: number,
  own: Pick<BatchWorkDeps, "bulk"> & Partial<BatchWorkDeps>,
): BatchWorkDeps {
  const inputs = Array.from({ length: count }, (_, i) => ({ i }));
  const blobs = memoryBlobs();
  return {
    feed: new InlineFeed(inputs, {
      from: 0,
      args: { input: undefined, common: undefined },
      maxDepth: 10,
    }),
    reached: NOTHING_REACHED,
    clock: SYSTEM_CLOCK,
    signal: new LoneSignal(),
    limits: { maxItems: 1_000_000, maxResultBytes: 64 * MIB },
    blobs: {
      put: async (body) => {
        await using writer = await blobs.create();
        await writer.write(body);
        return await writer.finish();
      },
    },
    commit: () => Promise.resolve(),
    window: () => 1,
    openFiles: () => undefined,
    retryInMs: () => null,
    onBegun: () => {},
    onRefused: () => {},
    onProgress: () => {},
    ...own,
  };
}

Deno.test("BatchWork lets a worker pause while results wait for the store", async () => {
  const committing = Promise.withResolvers<void>();
  const long = JSON.stringify("x".repeat(3 * MIB));
  const paused: boolean[] = [];
  // Parts of 1 and 3 items: the first result is being written, and the next ones wait.
  const work = new BatchWork(depsOf(4, {
    commit: () => committing.promise,
    bulk: async (args, { onOutcomes }) => {
      for (const first of args.keys()) {
        const taken = onOutcomes([long], first);
        paused.push(taken !== undefined);
        if (taken !== undefined) committing.resolve();
        await taken;
      }
      return { runMs: 1 } as BulkEnd;
    },
  }));
  await work.run();
  assert.deepEqual(paused, [false, false, true, false]);
});

Deno.test("BatchWork does not wait for a store that has failed", async () => {
  const long = JSON.stringify("x".repeat(5 * MIB));
  const work = new BatchWork(depsOf(4, {
    commit: () => Promise.reject(new TypeError("the disk is full")),
    bulk: async (args, { onOutcomes }) => {
      for (const first of args.keys()) await onOutcomes([long], first);
      return { runMs: 1 } as BulkEnd;
    },
  }));
  await assert.rejects(work.run(), { message: "the disk is full" });
});

Deno.test("BatchWork sends no further items while very many wait for another attempt", async () => {
  const now = { open: 0, most: 0 };
  const work = new BatchWork(depsOf(20_000, {
    retryInMs: (attempt) => attempt === 1 ? 200 : null,
    bulk: async (args, { onOutcomes }) => {
      await nextTurn();
      onOutcomes(args.map(() => new SnakedenError("python_exception", "no")), 0);
      return { runMs: 0 } as BulkEnd;
    },
    commit: ({ checkpoint }) => {
      now.most = Math.max(now.most, (checkpoint["attempts"] as unknown[]).length);
      return Promise.resolve();
    },
  }));
  await work.run();
  assert.ok(now.most < 10_000, `${now.most} items wait`);
});
