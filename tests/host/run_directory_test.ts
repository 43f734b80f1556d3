import assert from "node:assert/strict";
import { join } from "node:path";
import { RunDirectory } from "../../src/host/run_directory.ts";
import { nextTurn } from "../fixtures/until.ts";

async function tempDir(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "snakeden-test-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

function modeOf(path: string): number {
  return (Deno.statSync(path).mode ?? 0) & 0o777;
}

Deno.test("RunDirectory.create() creates a directory in the data directory that nobody else may enter", async () => {
  await using data = await tempDir();
  await using directory = await RunDirectory.create(data.path, "run-1");
  assert.equal(directory.path, join(data.path, "run", "run-1"));
  assert.equal(modeOf(directory.path), 0o700);
});

Deno.test("RunDirectory.create() closes an existing directory to others", async () => {
  await using data = await tempDir();
  const path = join(data.path, "run", "run-1");
  await Deno.mkdir(path, { recursive: true });
  await Deno.chmod(path, 0o755);
  await using directory = await RunDirectory.create(data.path, "run-1");
  assert.equal(modeOf(directory.path), 0o700);
});

Deno.test("RunDirectory.create() chooses /tmp if the path would be too long for a socket", async () => {
  await using data = await tempDir();
  const runId = crypto.randomUUID();
  const rest = 103 - join("/run", runId, "link.sock").length;
  // Bytes count, not characters.
  for (
    const [dataDir, fits] of [["a".repeat(rest), true], ["a".repeat(rest + 1), false]] as const
  ) {
    const long = join(data.path, dataDir.slice(data.path.length + 1));
    await using directory = await RunDirectory.create(long, runId);
    assert.equal(directory.path.startsWith(data.path), fits, directory.path);
    assert.ok(new TextEncoder().encode(join(directory.path, "link.sock")).byteLength <= 103);
    assert.equal(modeOf(directory.path), 0o700);
  }
  const wide = join(data.path, "ä".repeat((rest - data.path.length) / 2 + 1));
  await using directory = await RunDirectory.create(wide, runId);
  assert.ok(!directory.path.startsWith(data.path));
});

Deno.test("RunDirectory.create() names the directory that it cannot create", async () => {
  await using data = await tempDir();
  const file = join(data.path, "file");
  await Deno.writeTextFile(file, "");
  await assert.rejects(RunDirectory.create(file, "run-1"), {
    code: "startup_failed",
    message: new RegExp(`^Cannot create the run directory ${join(file, "run", "run-1")}: `),
  });
});

Deno.test("RunDirectory[Symbol.asyncDispose]() removes the directory with its contents, and accepts that it is gone", async () => {
  await using data = await tempDir();
  const directory = await RunDirectory.create(data.path, "run-1");
  await Deno.writeTextFile(join(directory.path, "link.sock"), "");
  await directory[Symbol.asyncDispose]();
  await assert.rejects(Deno.stat(directory.path), Deno.errors.NotFound);
  await directory[Symbol.asyncDispose]();
});

/** A directory as a killed host leaves it. */
async function abandon(runs: string, runId: string): Promise<void> {
  await Deno.mkdir(join(runs, runId), { recursive: true });
  await Deno.writeTextFile(join(runs, runId, "host.lock"), "");
  await Deno.writeTextFile(join(runs, runId, "link.sock"), "");
}

function namesIn(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
}

Deno.test("RunDirectory.sweep() ends the runs of killed hosts, removes their directories, and keeps all others", async () => {
  await using data = await tempDir();
  const runs = join(data.path, "run");
  await abandon(runs, "dead");
  await Deno.mkdir(join(runs, "being-made"));
  await using living = await RunDirectory.create(data.path, "living");
  await using directory = await RunDirectory.create(data.path, "new");
  await directory.sweep(async (runIds) => {
    assert.deepStrictEqual(runIds, ["dead"]);
    assert.deepStrictEqual(namesIn(runs), ["being-made", "dead", "living", "new"]);
    // Nobody else sweeps the same run meanwhile.
    await living.sweep((again) => {
      assert.deepStrictEqual(again, []);
      return Promise.resolve(new Set());
    });
    return new Set();
  });
  assert.deepStrictEqual(namesIn(runs), ["being-made", "living", "new"]);
});

Deno.test("RunDirectory.sweep() keeps the directory of a run that could not be ended", async () => {
  await using data = await tempDir();
  const runs = join(data.path, "run");
  await abandon(runs, "stubborn");
  await abandon(runs, "dead");
  await using directory = await RunDirectory.create(data.path, "new");
  await directory.sweep(() => Promise.resolve(new Set(["stubborn"])));
  assert.deepStrictEqual(namesIn(runs), ["new", "stubborn"]);
  await directory.sweep((runIds) => {
    assert.deepStrictEqual(runIds, ["stubborn"]);
    return Promise.resolve(new Set());
  });
  assert.deepStrictEqual(namesIn(runs), ["new"]);
});

Deno.test("RunDirectory.sweep() removes a directory without a socket, whose run had no worker, and ends no run for it", async () => {
  await using data = await tempDir();
  const bare = join(data.path, "run", "bare");
  await Deno.mkdir(bare, { recursive: true });
  await Deno.writeTextFile(join(bare, "host.lock"), "");
  await using directory = await RunDirectory.create(data.path, "new");
  await directory.sweep((runIds) => {
    assert.deepStrictEqual(runIds, []);
    return Promise.resolve(new Set());
  });
  assert.deepStrictEqual(namesIn(join(data.path, "run")), ["new"]);
});

Deno.test("RunDirectory.create() creates its directory again if another host sweeps it away meanwhile", async () => {
  await using data = await tempDir();
  const path = join(data.path, "run", "new");
  await Deno.mkdir(path, { recursive: true });
  const sweeper = await Deno.open(join(path, "host.lock"), { create: true, write: true });
  await sweeper.lock(true);
  const created = RunDirectory.create(data.path, "new");
  // By now it waits for the lock, or will find nothing; both have to end well.
  for (let i = 0; i < 20; i++) await nextTurn();
  await Deno.remove(path, { recursive: true });
  sweeper.close();
  await using directory = await created;
  assert.ok(Deno.statSync(join(directory.path, "host.lock")).isFile);
});

Deno.test("RunDirectory.create() and sweep() lose no directory when many hosts call them at once", async () => {
  await using data = await tempDir();
  for (let round = 0; round < 5; round++) {
    const directories = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const directory = await RunDirectory.create(data.path, `${round}-${i}`);
        await directory.sweep(() => Promise.resolve(new Set()));
        return directory;
      }),
    );
    for (const { path } of directories) assert.ok(Deno.statSync(path).isDirectory);
    await Promise.all(directories.map((it) => it[Symbol.asyncDispose]()));
  }
  assert.deepStrictEqual([...Deno.readDirSync(join(data.path, "run"))], []);
});

/** Root alone can make what another user would have made. */
const NEEDS_ROOT = { ignore: Deno.uid() !== 0 };
const NOBODY = 65_534;

/** A data directory so deep that its runs lie in /tmp. */
function deep(data: string): string {
  return join(data, "d".repeat(100));
}

/** A dead run in /tmp, as `change` has left it, and what a sweep makes of it. */
async function sweptInTmp(
  change: (path: string, data: string) => Promise<void>,
): Promise<string[]> {
  await using data = await tempDir();
  const runId = crypto.randomUUID();
  const path = `/tmp/snakeden-run-${runId}`;
  try {
    await abandon("/tmp", `snakeden-run-${runId}`);
    await change(path, data.path);
    await using directory = await RunDirectory.create(deep(data.path), crypto.randomUUID());
    let swept: string[] = [];
    await directory.sweep((runIds) => {
      swept = runIds.filter((it) => it === runId);
      // Other runs in /tmp are not ours to end.
      return Promise.resolve(new Set(runIds.filter((it) => it !== runId)));
    });
    return swept;
  } finally {
    await Deno.remove(path, { recursive: true }).catch(() => {});
  }
}

Deno.test("RunDirectory.sweep() ends a dead run of our user in /tmp", async () => {
  assert.equal((await sweptInTmp(() => Promise.resolve())).length, 1);
});

for (
  const [what, change, options] of [
    [
      "whose lock is a link to a file of ours",
      async (path, data): Promise<void> => {
        await Deno.writeTextFile(join(data, "file"), "");
        await Deno.remove(join(path, "host.lock"));
        await Deno.symlink(join(data, "file"), join(path, "host.lock"));
      },
    ],
    ["that others may write into", (path): Promise<void> => Deno.chmod(path, 0o777)],
    [
      "whose lock others may write",
      (path): Promise<void> => Deno.chmod(join(path, "host.lock"), 0o666),
    ],
    [
      "that is a link",
      async (path, data): Promise<void> => {
        await Deno.rename(path, join(data, "elsewhere"));
        await Deno.symlink(join(data, "elsewhere"), path);
      },
    ],
    [
      "of another user, with a lock of ours",
      (path): Promise<void> => Deno.chown(path, NOBODY, NOBODY),
      NEEDS_ROOT,
    ],
    [
      "with the lock of another user",
      (path): Promise<void> => Deno.chown(join(path, "host.lock"), NOBODY, NOBODY),
      NEEDS_ROOT,
    ],
  ] as readonly [
    string,
    (path: string, data: string) => Promise<void>,
    { readonly ignore: boolean }?,
  ][]
) {
  const name = `RunDirectory.sweep() does not believe a directory in /tmp ${what}`;
  Deno.test({
    name: options?.ignore ? `${name} (skipped: only root can try)` : name,
    ...options,
    fn: async () => assert.deepEqual(await sweptInTmp(change), []),
  });
}

Deno.test("RunDirectory.create() creates directory and lock for our user alone, whatever the mode of the parent", async () => {
  await using data = await tempDir();
  await Deno.mkdir(join(data.path, "run"));
  await Deno.chmod(join(data.path, "run"), 0o777);
  await using directory = await RunDirectory.create(data.path, "run-1");
  assert.equal(modeOf(join(data.path, "run")), 0o700);
  assert.equal(modeOf(join(directory.path, "host.lock")), 0o600);
});
