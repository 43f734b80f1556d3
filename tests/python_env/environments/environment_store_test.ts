import assert from "node:assert/strict";
import { join } from "node:path";
import {
  adoptEnvironment,
  findEnvironment,
  type HeldEnvironment,
  lockBuild,
  pythonIn,
  sweepEnvironments,
} from "../../../src/python_env/environments/mod.ts";
import { writeScript } from "../tiny_source.ts";

const NAME = "0123456789abcdef";

type Adopt = (key: string, name: string, set?: string) => Promise<HeldEnvironment>;

/** A root with a stand-in for the base interpreter, and a way to make whole environments of it. */
async function withRoot(
  use: (root: string, base: string, adopt: Adopt) => Promise<void>,
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
  async function adoptFake(key: string, name: string, set = key): Promise<HeldEnvironment> {
    await using lock = await lockBuild(root, key);
    const path = lock.unfinished;
    await Deno.mkdir(join(path, "bin"), { recursive: true });
    await Deno.symlink(base, pythonIn(path));
    return await adoptEnvironment(root, path, name, { key, set, version: "3.11.7" });
  }
}

function names(root: string): string[] {
  return Array.from(Deno.readDirSync(root), (it) => it.name).sort();
}

Deno.test("findEnvironment() finds what adoptEnvironment() named, by key", async () => {
  await withRoot(async (root, _base, adopt) => {
    const made = await adopt("key", NAME);
    made.release();
    const found = await findEnvironment(root, "key");
    assert.ok(found);
    found.release();
    assert.equal(made.executable, join(root, NAME, "bin", "python"));
    assert.equal(await findEnvironment(root, "another key"), null);
    assert.equal(await findEnvironment(join(root, "missing"), "key"), null);
  });
});

Deno.test("findEnvironment() does not trust one whose base Python changed or went", async () => {
  await withRoot(async (root, base, adopt) => {
    (await adopt("key", NAME)).release();
    await Deno.utime(base, 1, 1);
    assert.equal(await findEnvironment(root, "key"), null);
    await Deno.remove(base);
    assert.equal(await findEnvironment(root, "key"), null);
  });
});

Deno.test("findEnvironment() does not trust one without a stamp or with a broken one", async () => {
  await withRoot(async (root, _base, adopt) => {
    const made = await adopt("key", NAME);
    made.release();
    const stamp = join(made.path, "snakeden-environment.json");
    for (const text of ["", "[]", "null", '{"key": "key"}']) {
      await Deno.writeTextFile(stamp, text);
      assert.equal(await findEnvironment(root, "key"), null, text);
    }
    await Deno.remove(stamp);
    assert.equal(await findEnvironment(root, "key"), null);
  });
});

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Makes environments that were used so many days ago and are not in use, named `aaaa…`, `bbbb…` and
 * so on.
 */
async function used(adopt: Adopt, ...days: readonly number[]): Promise<string[]> {
  const made: string[] = [];
  for (const [i, ago] of days.entries()) {
    const name = "abcdef"[i]?.repeat(16) ?? "";
    const held = await adopt(name, name);
    held.release();
    await Deno.utime(
      join(held.path, "in-use.lock"),
      new Date(),
      new Date(Date.now() - ago * DAY_MS),
    );
    made.push(name);
  }
  return made;
}

Deno.test("sweepEnvironments() keeps environments that other programs used in the last 14 days", async () => {
  await withRoot(async (root, _base, adopt) => {
    const [young = "", , edge = ""] = await used(adopt, 1, 15, 13.9);
    (await adopt("dev", "dev-3333333333333333")).release();
    const kept = await adopt("new", NAME);
    kept.release();
    await sweepEnvironments(root, "new", { kind: "workers" });
    assert.deepEqual(names(root), [NAME, young, edge, "dev-3333333333333333"].sort());
    await sweepEnvironments(root, "new", { kind: "workers", nowMs: Date.now() + 15 * DAY_MS });
    assert.deepEqual(names(root), [NAME, "dev-3333333333333333"]);
  });
});

Deno.test("sweepEnvironments() keeps the four environments used last, and all in use", async () => {
  await withRoot(async (root, _base, adopt) => {
    const [a = "", b = "", c = "", d = "", e = ""] = await used(adopt, 5, 4, 3, 2, 1);
    const kept = await adopt("new", NAME);
    kept.release();
    const inUse = await findEnvironment(root, a);
    await Deno.utime(join(root, a, "in-use.lock"), 0, 0);
    await sweepEnvironments(root, "new", { kind: "workers" });
    assert.deepEqual(names(root), [NAME, a, c, d, e].sort(), b);
    inUse?.release();
    await sweepEnvironments(root, "new", { kind: "workers" });
    assert.deepEqual(names(root), [NAME, a, d, e].sort(), "its use ended just now");
  });
});

Deno.test("sweepEnvironments() removes at once environments that nobody can use any more", async () => {
  await withRoot(async (root, base, adopt) => {
    const [broken = "", based = ""] = await used(adopt, 0, 0);
    await Deno.writeTextFile(join(root, broken, "snakeden-environment.json"), "{");
    const kept = await adopt("new", NAME);
    await sweepEnvironments(root, "new", { kind: "workers" });
    assert.deepEqual(names(root), [NAME, based].sort());
    await Deno.utime(base, 1, 1);
    await sweepEnvironments(root, "new", { kind: "workers" });
    assert.deepEqual(names(root), [NAME]);
    kept.release();
  });
});

Deno.test("sweepEnvironments() counts environments that a program uses together as one", async () => {
  await withRoot(async (root, _base, adopt) => {
    const sets: Record<string, string[]> = {};
    for (const [i, set] of ["oldest", "old", "young", "youngest"].entries()) {
      for (const part of ["a", "b", "c"]) {
        const name = `${i}${part}`.repeat(8);
        const held = await adopt(`${set} ${part}`, name, set);
        held.release();
        await Deno.utime(join(held.path, "in-use.lock"), new Date(), Date.now() / 1000 - 1000 + i);
        (sets[set] ??= []).push(name);
      }
    }
    const [oldest = "", stillUsed = ""] = sets.oldest ?? [];
    (await adopt("new", NAME)).release();
    const inUse = await findEnvironment(root, "oldest b", { set: "another" });
    await sweepEnvironments(root, "new", { kind: "workers" });
    const kept = [sets.old, sets.young, sets.youngest].flatMap((it) => it ?? []);
    assert.ok(names(root).includes(stillUsed) && !names(root).includes(oldest));
    assert.equal(names(root).length, 1 + 1 + (sets.young?.length ?? 0) * 2, kept.join());
    inUse?.release();
  });
});

Deno.test("findEnvironment() and release() note the time of the use", async () => {
  await withRoot(async (root, _base, adopt) => {
    const [name = ""] = await used(adopt, 10);
    const ageMs = (): number =>
      Date.now() - (Deno.statSync(join(root, name, "in-use.lock")).mtime?.getTime() ?? 0);
    const found = await findEnvironment(root, name);
    assert.ok(ageMs() < DAY_MS);
    await Deno.utime(join(root, name, "in-use.lock"), 0, 0);
    found?.release();
    assert.ok(ageMs() < DAY_MS);
  });
});

Deno.test("adoptEnvironment() takes the place of an unused one and steps aside for one in use", async () => {
  await withRoot(async (root, _base, adopt) => {
    const first = await adopt("key", NAME);
    const second = await adopt("key", NAME);
    assert.equal(second.path, join(root, `${NAME}-2`));
    first.release();
    const third = await adopt("key", NAME);
    assert.equal(third.path, join(root, NAME));
    second.release();
    third.release();
  });
});
