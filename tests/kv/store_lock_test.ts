import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SYSTEM_CLOCK } from "../../src/async/clock.ts";
import { KvStore } from "../../src/kv/mod.ts";
import { HostProcess } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";
import { newRunId, openStore, tempDir } from "./open_store.ts";

const HOLDER = fileURLToPath(new URL("store_holder.ts", import.meta.url));

/** Starts another process that holds the store. */
async function holder(dataDir: string): Promise<HostProcess> {
  const process = new HostProcess(["run", "-A", HOLDER, "hold", dataDir]);
  await until(() => {
    if (process.ended) throw new Error(process.stderr);
    return process.stdout.includes("holding");
  }, "the other process to have the store");
  return process;
}

/** Notices that a lock is refused in this process, which has no other sign. */
class LockRefusal implements Disposable {
  readonly seen: Promise<void>;
  readonly #tryLock = Deno.FsFile.prototype.tryLock;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.seen = promise;
    const tryLock = this.#tryLock;
    Deno.FsFile.prototype.tryLock = async function (exclusive): Promise<boolean> {
      const isTaken = await tryLock.call(this, exclusive);
      if (!isTaken) resolve();
      return isTaken;
    };
  }

  [Symbol.dispose](): void {
    Deno.FsFile.prototype.tryLock = this.#tryLock;
  }
}

Deno.test("KvStore.open() refuses a data directory that another process has, and names that process", async () => {
  await using dir = await tempDir();
  await using other = await holder(dir.path);
  await assert.rejects(openStore(dir.path), (error: Error) => {
    assert.equal(error.name, "StoreInUseError");
    assert.match(
      error.message,
      new RegExp(`^Cannot open the store in ${join(dir.path, "store")}: `),
    );
    assert.match(
      error.message,
      new RegExp(`the host with process id ${other.pid} \\(run [0-9a-f]{32}, `),
    );
    return true;
  });
});

Deno.test("KvStore.open() takes over from a killed process, with all that it wrote", async () => {
  await using dir = await tempDir();
  await using other = await holder(dir.path);
  other.kill("SIGKILL");
  await other.finished();
  await using store = await openStore(dir.path);
  assert.deepEqual(store.deadProcesses.map(({ workerId }) => workerId), ["held-1"]);
});

Deno.test("KvStore.open() refuses a second host in the same process, until the first is disposed", async () => {
  await using dir = await tempDir();
  const first = await openStore(dir.path);
  await assert.rejects(openStore(dir.path), { name: "StoreInUseError" });
  await first[Symbol.asyncDispose]();
  await using second = await openStore(dir.path);
  assert.deepEqual(second.deadProcesses, []);
});

Deno.test("KvStore.open() waits up to `patienceMs` for a host that is about to end", async () => {
  await using dir = await tempDir();
  const first = await openStore(dir.path);
  using refusal = new LockRefusal();
  const opening = KvStore.open({
    dataDir: dir.path,
    runId: newRunId(),
    windowMs: 1,
    timer: SYSTEM_CLOCK,
    patienceMs: 20_000,
  });
  await Promise.race([refusal.seen, opening]);
  await first[Symbol.asyncDispose]();
  await using _second = await opening;
});

for (
  const [name, text] of [["is half written", '{"pid": 12'], [
    "is of no host",
    '{"pid": "x"}',
  ]] as const
) {
  Deno.test(`KvStore.open() also refuses if the file with the owner ${name}`, async () => {
    await using dir = await tempDir();
    await using _first = await openStore(dir.path);
    await Deno.writeTextFile(join(dir.path, "store", "owner.json"), text);
    await assert.rejects(openStore(dir.path), {
      message: /another host, whose process id is unknown, is using it/,
    });
  });
}

Deno.test("KvStore.open() checks the lock, and not the file of a dead host", async () => {
  await using dir = await tempDir();
  await Deno.mkdir(join(dir.path, "store"), { recursive: true });
  // This process exists, so the file alone would point to a live host.
  const owner = { pid: Deno.pid, runId: newRunId(), since: new Date().toISOString() };
  await Deno.writeTextFile(join(dir.path, "store", "owner.json"), JSON.stringify(owner));
  await using _store = await openStore(dir.path);
});

function modeOf(path: string): number | null {
  const { mode } = Deno.statSync(path);
  return mode === null ? null : mode & 0o777;
}

Deno.test("KvStore.open() closes the directory of the store to other users", async () => {
  await using dir = await tempDir();
  const directory = join(dir.path, "store");
  const modes = (): Set<number | null> => {
    const files = Array.from(Deno.readDirSync(directory), ({ name }) => join(directory, name));
    assert.ok(files.length >= 3, "the lock, its owner and the database");
    return new Set(files.map(modeOf));
  };
  {
    await using _store = await openStore(dir.path);
    assert.deepEqual([modeOf(directory), modes()], [0o700, new Set([0o600])]);
  }
  // The file was written by hand, or by another version.
  await Deno.chmod(directory, 0o755);
  await using _store = await openStore(dir.path);
  assert.deepEqual([modeOf(directory), modes()], [0o700, new Set([0o600])]);
});
