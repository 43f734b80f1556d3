import assert from "node:assert/strict";
import { join } from "node:path";
import { delay } from "../../src/async/mod.ts";
import { FileLock } from "../../src/process/file_lock.ts";

async function withLockFile(use: (path: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "snakeden-lock-" });
  try {
    await use(join(dir, "some.lock"));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("FileLock.tryTake() takes many shared locks or one exclusive lock", async () => {
  await withLockFile(async (path) => {
    const one = await FileLock.tryTake(path, "shared");
    const two = await FileLock.tryTake(path, "shared");
    assert.ok(one && two);
    assert.equal(await FileLock.tryTake(path, "exclusive"), null);
    one.release();
    one.release();
    assert.equal(await FileLock.tryTake(path, "exclusive"), null);
    two.release();
    using exclusive = await FileLock.tryTake(path, "exclusive");
    assert.ok(exclusive);
    assert.equal(await FileLock.tryTake(path, "shared"), null);
  });
});

Deno.test("FileLock.waitExclusive() names the holder, and resolves when the lock is free", async () => {
  await withLockFile(async (path) => {
    const first = await FileLock.waitExclusive(path);
    const waiting = Promise.withResolvers<string>();
    const second = FileLock.waitExclusive(path, { onWait: waiting.resolve });
    assert.equal(await waiting.promise, String(Deno.pid));
    first.release();
    (await second).release();
  });
});

Deno.test("FileLock.waitExclusive() names a holder that writes its id late", async () => {
  await withLockFile(async (path) => {
    const first = await FileLock.tryTake(path, "exclusive");
    const waiting = Promise.withResolvers<string>();
    const second = FileLock.waitExclusive(path, { onWait: waiting.resolve });
    // Some rounds of polling; the name is right however long they take.
    await delay(350);
    await Deno.writeTextFile(path, "123");
    assert.equal(await waiting.promise, "123");
    first?.release();
    (await second).release();
  });
});

Deno.test("FileLock.waitExclusive() rejects when its signal aborts", async () => {
  await withLockFile(async (path) => {
    using _held = await FileLock.waitExclusive(path);
    const controller = new AbortController();
    const onWait = (): void => controller.abort(new Error("enough"));
    await assert.rejects(
      FileLock.waitExclusive(path, { onWait, signal: controller.signal }),
      /^Error: enough$/,
    );
  });
});

Deno.test("FileLock.tryTake() takes no lock on a file that was replaced", async () => {
  await withLockFile(async (path) => {
    using held = await FileLock.tryTake(path, "exclusive");
    assert.ok(held);
    await Deno.remove(path);
    using fresh = await FileLock.tryTake(path, "exclusive");
    assert.ok(fresh, "the new file is not locked by the holder of the old one");
  });
});

Deno.test("FileLock.tryTake() creates no file unless allowed, and uid() returns the owner of the file", async () => {
  await withLockFile(async (path) => {
    const options = { create: false };
    await assert.rejects(FileLock.tryTake(path, "exclusive", options), Deno.errors.NotFound);
    (await FileLock.tryTake(path, "exclusive"))?.release();
    using lock = await FileLock.tryTake(path, "exclusive", options);
    assert.equal(await lock?.uid(), Deno.uid());
  });
});

Deno.test("FileLock.waitExclusive() does not change the file if it is anonymous", async () => {
  await withLockFile(async (path) => {
    await Deno.writeTextFile(path, "precious");
    using _lock = await FileLock.waitExclusive(path, { anonymous: true });
    assert.equal(await Deno.readTextFile(path), "precious");
  });
});
