import assert from "node:assert/strict";
import { join } from "node:path";
import {
  adoptEnvironment,
  findEnvironment,
  type HeldEnvironment,
  pythonIn,
  sweep,
  unfinishedPath,
} from "../../src/python/environment_store.ts";
import { writeScript } from "./tiny_source.ts";

const NAME = "0123456789abcdef";

/** A root with a stand-in for the base interpreter, and a way to make whole environments of it. */
async function withRoot(
  use: (root: string, base: string, adopt: typeof adoptFake) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "snakeden-store-" });
  const root = join(dir, "python");
  await Deno.mkdir(root);
  const base = await writeScript(join(dir, "base-python"), "exit 0");
  try {
    await use(root, base, adoptFake);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
  async function adoptFake(key: string, name: string): Promise<HeldEnvironment> {
    const path = unfinishedPath(root);
    await Deno.mkdir(join(path, "bin"), { recursive: true });
    await Deno.symlink(base, pythonIn(path));
    return await adoptEnvironment(root, path, name, { key, version: "3.11.7" });
  }
}

function names(root: string): string[] {
  return Array.from(Deno.readDirSync(root), (it) => it.name).sort();
}

Deno.test("findEnvironment() finds what adoptEnvironment() named, by key", async () => {
  await withRoot(async (root, _base, adopt) => {
    const made = await adopt("key", NAME);
    made.inUse.release();
    using found = (await findEnvironment(root, "key"))?.inUse ?? null;
    assert.ok(found);
    assert.equal(made.executable, join(root, NAME, "bin", "python"));
    assert.equal(await findEnvironment(root, "another key"), null);
    assert.equal(await findEnvironment(join(root, "missing"), "key"), null);
  });
});

Deno.test("findEnvironment() does not trust one whose base Python changed or went", async () => {
  await withRoot(async (root, base, adopt) => {
    (await adopt("key", NAME)).inUse.release();
    await Deno.utime(base, 1, 1);
    assert.equal(await findEnvironment(root, "key"), null);
    await Deno.remove(base);
    assert.equal(await findEnvironment(root, "key"), null);
  });
});

Deno.test("findEnvironment() does not trust one without a stamp or with a broken one", async () => {
  await withRoot(async (root, _base, adopt) => {
    const made = await adopt("key", NAME);
    made.inUse.release();
    const stamp = join(made.path, "snakeden-environment.json");
    for (const text of ["", "[]", "null", '{"key": "key"}']) {
      await Deno.writeTextFile(stamp, text);
      assert.equal(await findEnvironment(root, "key"), null, text);
    }
    await Deno.remove(stamp);
    assert.equal(await findEnvironment(root, "key"), null);
  });
});

Deno.test("sweep() removes dead builds and old environments but none in use", async () => {
  await withRoot(async (root, _base, adopt) => {
    await Deno.mkdir(unfinishedPath(root));
    const used = await adopt("used", "1111111111111111");
    (await adopt("old", "2222222222222222")).inUse.release();
    (await adopt("dev", "dev-3333333333333333")).inUse.release();
    const kept = await adopt("new", NAME);
    kept.inUse.release();
    await sweep(root, { path: kept.path, dev: false });
    assert.deepEqual(names(root), [NAME, "1111111111111111", "dev-3333333333333333"]);
    used.inUse.release();
    await sweep(root, { path: kept.path, dev: false });
    assert.deepEqual(names(root), [NAME, "dev-3333333333333333"]);
  });
});

Deno.test("adoptEnvironment() takes the place of an unused one and steps aside for one in use", async () => {
  await withRoot(async (root, _base, adopt) => {
    const first = await adopt("key", NAME);
    const second = await adopt("key", NAME);
    assert.equal(second.path, join(root, `${NAME}-2`));
    first.inUse.release();
    const third = await adopt("key", NAME);
    assert.equal(third.path, join(root, NAME));
    second.inUse.release();
    third.inUse.release();
  });
});
