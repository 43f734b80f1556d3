import assert from "node:assert/strict";
import { join } from "node:path";
import {
  adoptEnvironment,
  findEnvironment,
  listEnvironments,
  lockBuild,
  pythonIn,
} from "../../../src/python_env/environments/mod.ts";
import { writeScript } from "../tiny_source.ts";

Deno.test("listEnvironments() tells size, age, use and requirements, the last used first", async () => {
  const dir = await Deno.makeTempDir({ prefix: "snakeden-list-" });
  try {
    const root = join(dir, "python");
    await Deno.mkdir(root);
    const base = await writeScript(join(dir, "base-python"), "exit 0");
    const build = {
      installedBytes: 5_000_000,
      downloadedBytes: 2_000_000,
      seconds: 1.5,
      requirements: ["/a.txt"],
    };
    for (
      const [key, name, record] of [
        ["old", "0".repeat(16), undefined],
        ["new", "1".repeat(16), build],
        ["dev", `dev-${"2".repeat(16)}`, build],
        ["broken", "3".repeat(16), build],
      ] as const
    ) {
      await using lock = await lockBuild(root, key);
      await Deno.mkdir(join(lock.unfinished, "bin"), { recursive: true });
      await Deno.symlink(base, pythonIn(lock.unfinished));
      const made = { key, version: "3.11.7", build: record };
      (await adoptEnvironment(root, lock.unfinished, name, made)).release();
    }
    await Deno.remove(join(root, "3".repeat(16), "snakeden-environment.json"));
    await Deno.utime(join(root, "0".repeat(16), "in-use.lock"), 1, 1);
    const held = await findEnvironment(root, "new");
    const listed = await listEnvironments(root);
    assert.deepEqual(
      listed.map(({ path, version, inUse, kind, build }) => [
        path.slice(root.length + 1),
        version,
        inUse,
        kind,
        build?.requirements,
      ]).sort(),
      [
        ["0".repeat(16), "3.11.7", false, "workers", undefined],
        ["1".repeat(16), "3.11.7", true, "workers", ["/a.txt"]],
        ["3".repeat(16), null, false, "workers", undefined],
        [`dev-${"2".repeat(16)}`, "3.11.7", false, "dev", ["/a.txt"]],
      ],
    );
    assert.equal(listed.at(-1)?.usedMs, 1000);
    const sizes = new Map(listed.map((it) => [it.path, it.installedBytes]));
    assert.equal(sizes.get(join(root, "1".repeat(16))), 5_000_000);
    const measured = sizes.get(join(root, "0".repeat(16))) ?? 0;
    assert.ok(measured > 0 && measured < 100_000, "one without a record is measured");
    held?.release();
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("findEnvironment() finds an environment while somebody asks whether it is in use", async () => {
  const dir = await Deno.makeTempDir({ prefix: "snakeden-list-" });
  try {
    const root = join(dir, "python");
    await Deno.mkdir(root);
    const base = await writeScript(join(dir, "base-python"), "exit 0");
    {
      await using lock = await lockBuild(root, "key");
      await Deno.mkdir(join(lock.unfinished, "bin"), { recursive: true });
      await Deno.symlink(base, pythonIn(lock.unfinished));
      const name = "0".repeat(16);
      const made = { key: "key", version: "3.11.7" };
      (await adoptEnvironment(root, lock.unfinished, name, made)).release();
    }
    for (let i = 0; i < 30; i++) {
      const [, found] = await Promise.all([listEnvironments(root), findEnvironment(root, "key")]);
      assert.ok(found, `round ${i}`);
      found.release();
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
