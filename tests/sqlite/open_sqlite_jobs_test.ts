import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { MIGRATIONS } from "../../src/sqlite/schema/migrations/mod.ts";
import { openSqliteJobs, type SqliteJobs } from "../../src/sqlite/mod.ts";
import { LIMITS, newJob, newJobs } from "../store/jobs/job_kit.ts";

function open(path: string): Promise<SqliteJobs> {
  return openSqliteJobs({ path, limits: LIMITS });
}

/** Calls `test` with the path of a database in a folder of its own. */
async function withPath(test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(join(folder, "store", "jobs.sqlite"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Makes a database with so many jobs; returns its bytes. */
async function filled(path: string, jobs = 200): Promise<Uint8Array> {
  await using store = await open(path);
  await store.submit(newJobs(jobs, () => ({ args: new Uint8Array(900) })));
  await store[Symbol.asyncDispose]();
  return await Deno.readFile(path);
}

async function assertWorks(store: SqliteJobs): Promise<void> {
  const { id } = newJob();
  assert.equal((await store.submit([newJob({ id })]))[0]?.answer, "created");
  assert.equal((await store.get(id))?.state, "available");
}

Deno.test("openSqliteJobs() makes a database that only its owner can read", async () => {
  await withPath(async (path) => {
    await using store = await open(path);
    await assertWorks(store);
    for (const suffix of ["", "-wal", "-shm"]) {
      assert.equal(((await Deno.stat(path + suffix)).mode ?? 0) & 0o777, 0o600, suffix);
    }
    assert.equal(((await Deno.stat(dirname(path))).mode ?? 0) & 0o777, 0o700);
    assert.deepEqual(store.warnings, []);
    assert.equal(store.movedAside, undefined);
  });
});

Deno.test("openSqliteJobs() opens a database that was closed, with all jobs, and no log is left", async () => {
  await withPath(async (path) => {
    await filled(path);
    await assert.rejects(Deno.stat(`${path}-wal`), Deno.errors.NotFound);
    await using store = await open(path);
    assert.deepEqual(await store.counts(), [{ queue: "default", state: "available", count: 200 }]);
  });
});

const DAMAGES: readonly (readonly [string, (bytes: Uint8Array) => Uint8Array])[] = [
  ["garbage", (bytes) => crypto.getRandomValues(new Uint8Array(Math.min(bytes.length, 60_000)))],
  ["empty", () => new Uint8Array()],
  ["shorter than a page", (bytes) => bytes.slice(0, 1)],
  ["truncated", (bytes) => bytes.slice(0, Math.floor(bytes.length / 2))],
  ["overwritten in the middle", (bytes) => {
    const copy = bytes.slice();
    return copy.fill(0xa5, Math.floor(copy.length / 4), Math.floor(copy.length / 2));
  }],
];

for (const [name, damage] of DAMAGES) {
  Deno.test(`openSqliteJobs() moves a database aside that is ${name}, and begins an empty one`, async () => {
    await withPath(async (path) => {
      const broken = damage(await filled(path));
      await Deno.writeFile(path, broken);
      await using store = await open(path);
      const { movedAside } = store;
      assert.ok(movedAside);
      assert.match(movedAside.path, /jobs\.sqlite\.corrupt-/);
      assert.ok(movedAside.problem.length > 0);
      assert.deepEqual(await Deno.readFile(movedAside.path), broken);
      assert.deepEqual(await store.counts(), []);
      await assertWorks(store);
    });
  });
}

Deno.test("openSqliteJobs() refuses a database of a later version, and leaves it as it is", async () => {
  await withPath(async (path) => {
    await filled(path);
    const database = new DatabaseSync(path);
    database.exec("pragma user_version = 1000");
    database.close();
    await assert.rejects(open(path), {
      code: "startup_failed",
      message: new RegExp(
        `its version is 1000, which is of a later Snakeden; allowed: at most ${MIGRATIONS.length};`,
      ),
    });
    const again = new DatabaseSync(path);
    assert.deepEqual({ ...again.prepare("select count(*) as jobs from job").get() }, { jobs: 200 });
    again.close();
  });
});

Deno.test("openSqliteJobs() refuses a database of another program, and leaves it as it is", async () => {
  await withPath(async (path) => {
    await Deno.mkdir(dirname(path), { recursive: true });
    const database = new DatabaseSync(path);
    database.exec("create table job (theirs)");
    database.close();
    await assert.rejects(open(path), {
      code: "startup_failed",
      message: `Cannot open the jobs in ${path}: it has tables that are not of Snakeden; use ` +
        "another data directory",
    });
    const again = new DatabaseSync(path);
    assert.deepEqual(again.prepare("select * from job").all(), []);
    again.close();
  });
});

Deno.test("openSqliteJobs() refuses a path at which no database can be", async () => {
  await withPath(async (path) => {
    await Deno.mkdir(path, { recursive: true });
    await assert.rejects(open(path), { code: "startup_failed" });
  });
});

const PROCESS = fileURLToPath(
  new URL("../fixtures/processes/open_sqlite_jobs.ts", import.meta.url),
);
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** Opens a database in a process with these permissions. Returns what that prints. */
async function openWith(permissions: readonly string[], path: string): Promise<string> {
  const flags = ["run", "--no-prompt", "--no-lock", `--config=${CONFIG}`, ...permissions];
  const command = new Deno.Command(Deno.execPath(), { args: [...flags, PROCESS, path] });
  const { stdout, stderr, success } = await command.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("openSqliteJobs() needs no more than to read, and to write the data directory", async () => {
  await withPath(async (path) => {
    const folder = dirname(dirname(path));
    assert.equal(await openWith(["--allow-read", `--allow-write=${folder}`], path), "available");
  });
});

Deno.test("openSqliteJobs() refuses a data directory that it may only read", async () => {
  await withPath(async (path) => {
    await filled(path);
    const text = await openWith(["--allow-read"], path);
    assert.match(text, /^Cannot open the jobs in .*: Requires write access to /);
  });
});

Deno.test("a database that another program has locked refuses writes until it is free", async () => {
  await withPath(async (path) => {
    await using store = await open(path);
    await assertWorks(store);
    const other = new DatabaseSync(path);
    other.exec("begin immediate");
    await assert.rejects(store.submit([newJob()]), {
      code: "store_failed",
      retryable: true,
      message: "Cannot submit jobs: database is locked",
    });
    // Reads go on.
    assert.equal((await store.list({}, { limit: 10 })).items.length, 1);
    other.exec("rollback");
    other.close();
    await assertWorks(store);
  });
});

Deno.test("a full disk refuses submissions with a clear error, and other work of the group too", async () => {
  await withPath(async (path) => {
    await using store = await open(path);
    await assertWorks(store);
    await store.setMaxPages(1);
    const large = { args: new Uint8Array(200_000) };
    const results = await Promise.allSettled([store.submit([newJob(large)]), store.counts()]);
    assert.deepEqual(results.map((it) => it.status), ["rejected", "fulfilled"]);
    await assert.rejects(store.submit([newJob(large)]), {
      code: "store_failed",
      message: "Cannot submit jobs: database or disk is full",
    });
    await store.setMaxPages(undefined);
    assert.equal((await store.submit([newJob(large)]))[0]?.answer, "created");
    assert.deepEqual(await store.counts(), [{ queue: "default", state: "available", count: 2 }]);
  });
});

Deno.test("an operation that is refused fails alone, and the rest of its group takes effect", async () => {
  await withPath(async (path) => {
    await using store = await open(path);
    await store.submit([newJob({ id: "taken" })]);
    const [bad, good] = await Promise.allSettled([
      store.submit([newJob({ id: "fresh" }), newJob({ id: "taken" })]),
      store.submit([newJob({ id: "other" })]),
    ]);
    assert.equal(bad.status, "rejected");
    assert.equal(bad.reason.issues[0].path, "jobs[1].id");
    assert.equal(good.status, "fulfilled");
    assert.equal(await store.get("fresh"), undefined);
    assert.equal((await store.get("other"))?.state, "available");
    assert.deepEqual(await store.counts(), [{ queue: "default", state: "available", count: 2 }]);
    const pools = [{ pool: "main", slots: 10 }];
    const claims = await store.claim({ pools, holder: "h", leaseMs: 1_000, waitMs: 0 });
    assert.deepEqual(claims.map(({ job }) => job.id), ["taken", "other"]);
  });
});

Deno.test("openSqliteJobs() brings a database of version 1 to the present one, with its jobs", async () => {
  await withPath(async (path) => {
    await Deno.mkdir(dirname(path), { recursive: true });
    const old = new DatabaseSync(path);
    old.exec(MIGRATIONS[0] ?? "");
    old.exec("pragma user_version = 1");
    old.close();
    await using store = await open(path);
    const { id } = newJob();
    await store.submit([newJob({ id })]);
    const pools = [{ pool: "main", slots: 1 }];
    const [claim] = await store.claim({ pools, holder: "h", leaseMs: 1_000, waitMs: 0 });
    assert.ok(claim);
    const body = new TextEncoder().encode('{"at":1,"source":"stdout","text":"a"}\n');
    const logs = [{ first: 1, lines: 1, body }];
    await store.extend([{ token: claim.token, leaseMs: 1_000, logs }]);
    assert.equal(await store.lastLine(id), 1);
  });
});
