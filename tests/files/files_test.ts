import assert from "node:assert/strict";
import { join } from "node:path";
import { SnakedenError } from "../../src/errors.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { Files, type FileSource } from "../../src/files/mod.ts";
import { newJob, START } from "../store/jobs/job_kit.ts";
import { type Driver, DRIVERS, FileKit, sha256Of, someBytes } from "./file_kit.ts";

/** Yields bytes in chunks. */
async function* chunks(bytes: Uint8Array, size = 7): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

for (const driver of DRIVERS) testDriver(driver);

function testDriver(driver: Driver): void {
  const name = (text: string): string => `Files (${driver}) ${text}`;

  Deno.test(
    name("takes bytes of every kind of source, and gives them back as a whole and in parts"),
    async () => {
      await using kit = await FileKit.open({ driver });
      const bytes = someBytes(1_000);
      const path = join(kit.path, "päth.bin");
      await Deno.writeFile(path, bytes);
      const sha256 = await sha256Of(bytes);
      const sources: [FileSource, string][] = [
        [bytes, "file"],
        [new Blob([bytes]), "file"],
        [new File([bytes], "a.bin"), "a.bin"],
        [new Blob([bytes]).stream(), "file"],
        [chunks(bytes), "file"],
        [{ path }, "päth.bin"],
      ];
      for (const [source, expected] of sources) {
        const file = await kit.files.add(source);
        const { id, ...facts } = file;
        assert.deepEqual(facts, {
          name: expected,
          bytes: 1_000,
          sha256,
          createdAt: new Date(START).toISOString(),
          expiresAt: new Date(START + 86_400_000).toISOString(),
        });
        assert.deepEqual(await kit.files.get(id), file);
        assert.deepEqual(await kit.read(id), bytes);
        assert.deepEqual(await kit.read(id, { start: 10, end: 20 }), bytes.slice(10, 20));
        assert.deepEqual(await kit.read(id, { start: 5, end: 5 }), new Uint8Array());
        await assert.rejects(kit.files.open(id, { start: 5, end: 1_001 }), {
          code: "invalid_input",
        });
      }
      assert.deepEqual(await kit.hashes(), [sha256]);
      assert.deepEqual(await Deno.readFile(path), bytes);
      const empty = await kit.files.add(new Uint8Array(), { name: "leer", ttlMs: 5 });
      assert.deepEqual([empty.bytes, await kit.read(empty.id)], [0, new Uint8Array()]);
      assert.equal(empty.expiresAt, new Date(START + 5).toISOString());
    },
  );

  Deno.test(
    name("leaves nothing of a source that breaks off, of a wrong hash, and of one that is aborted"),
    async () => {
      await using kit = await FileKit.open({ driver });
      const failing = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
        yield someBytes(100);
        throw new RangeError("the disk of the source");
      };
      await assert.rejects(kit.files.add(failing()), { name: "RangeError" });
      const given = "0".repeat(64);
      const sha256 = await sha256Of(someBytes(100));
      await assert.rejects(kit.files.add(someBytes(100), { sha256: given }), (error: unknown) => {
        assert.ok(error instanceof SnakedenError);
        assert.equal(error.code, "invalid_input");
        assert.match(
          error.message,
          new RegExp(`sha256: given ${given}, but the bytes have ${sha256}`),
        );
        return true;
      });
      const leaving = new AbortController();
      let isClosed = false;
      const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
      const endless = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          begin();
          controller.enqueue(someBytes(10));
        },
        cancel: () => void (isClosed = true),
      }, { highWaterMark: 0 });
      const adding = kit.files.add(endless, { signal: leaving.signal });
      await begun;
      leaving.abort(new Error("enough"));
      await assert.rejects(adding, /enough/);
      assert.ok(isClosed);
      const silent = new ReadableStream<Uint8Array>({});
      const second = new AbortController();
      const waiting = kit.files.add(silent, { signal: second.signal });
      second.abort(new Error("no more"));
      await assert.rejects(waiting, /no more/);
      assert.deepEqual(await kit.hashes(), []);
      assert.deepEqual((await kit.files.list()).items, []);
      if (driver === "directory") {
        const left = [...Deno.readDirSync(join(kit.path, "blobs", "incoming"))];
        assert.deepEqual(left, []);
      }
      const file = await kit.files.add(someBytes(100), { sha256: sha256.toUpperCase() });
      assert.equal(file.sha256, sha256);
    },
  );

  Deno.test(
    name("refuses the same wrong bytes again and again, and keeps good ones of another file"),
    async () => {
      await using kit = await FileKit.open({ driver });
      const good = await kit.files.add(someBytes(50));
      for (let i = 0; i < 3; i++) {
        await assert.rejects(kit.files.add(someBytes(50), { sha256: "1".repeat(64) }));
      }
      assert.deepEqual(await kit.hashes(), [good.sha256]);
      assert.deepEqual(await kit.read(good.id), someBytes(50));
    },
  );

  Deno.test(name("removes the bytes with the last file of them"), async () => {
    await using kit = await FileKit.open({ driver });
    const one = await kit.files.add(someBytes(10));
    const two = await kit.files.add(someBytes(10));
    await kit.files.remove(one.id);
    await kit.sweep();
    assert.deepEqual(await kit.read(two.id), someBytes(10));
    await kit.files.remove(two.id);
    await kit.sweep();
    assert.deepEqual(await kit.hashes(), []);
    await assert.rejects(kit.files.remove(two.id), { code: "unknown_file" });
    await assert.rejects(kit.files.get(two.id), { code: "unknown_file" });
    await assert.rejects(kit.files.open(two.id), { code: "unknown_file" });
  });

  Deno.test(name("reads a file to its end that is removed meanwhile"), async () => {
    await using kit = await FileKit.open({ driver });
    const bytes = someBytes(900_000);
    const { id } = await kit.files.add(bytes);
    const stream = await kit.files.open(id);
    await kit.files.remove(id);
    await kit.sweep();
    assert.deepEqual(await kit.hashes(), []);
    assert.deepEqual(await new Response(stream).bytes(), bytes);
  });

  Deno.test(name("names the job in the way of a removal, or else a call"), async () => {
    await using kit = await FileKit.open({ driver });
    const { id } = await kit.files.add(someBytes(10));
    const job = newJob({ files: [id] });
    await kit.store.submit([job]);
    await assert.rejects(kit.files.remove(id), {
      code: "file_in_use",
      message: new RegExp(`the job ${job.id} names it`),
      details: { fileId: id, jobId: job.id },
    });
    const other = await kit.files.add(someBytes(10));
    const pinned = await kit.files.pin([other.id]);
    assert.deepEqual(pinned.files, [other]);
    await assert.rejects(kit.files.remove(other.id), { code: "file_in_use", retryable: true });
    await assert.rejects(kit.files.pin([other.id, "none"]), {
      code: "unknown_file",
      details: { fileId: "none" },
    });
    pinned[Symbol.dispose]();
    await kit.files.remove(other.id);
  });

  Deno.test(name("puts a file at a path, only to be read"), async () => {
    await using kit = await FileKit.open({ driver });
    const file = await kit.files.add(someBytes(10));
    const path = join(kit.path, "here");
    await kit.files.link(file, path);
    assert.deepEqual(await Deno.readFile(path), someBytes(10));
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o222, 0);
  });

  Deno.test(name("keeps what a job has made with it"), async () => {
    await using kit = await FileKit.open({ driver });
    const job = newJob();
    await kit.store.submit([job]);
    const file = await kit.files.store(someBytes(10), { job: job.id, name: "out.csv" });
    assert.deepEqual([file.job, file.expiresAt], [job.id, undefined]);
    assert.deepEqual((await kit.files.list({ job: job.id })).items, [file]);
    await assert.rejects(kit.files.store(someBytes(11), { job: "none" }), { code: "unknown_job" });
    assert.deepEqual(await kit.hashes(), [file.sha256]);
  });
}

Deno.test("Files.add() names every field that is wrong, before it reads anything", async () => {
  await using kit = await FileKit.open();
  const options = {
    name: "a/b",
    mediaType: "text",
    ttlMs: 0,
    sha256: "xyz",
    nmae: "?",
  };
  await assert.rejects(kit.files.add(someBytes(10), options), (error: unknown) => {
    const { code, issues } = error as { code: string; issues: { path: string }[] };
    const paths = issues.map(({ path }) => path);
    assert.deepEqual([code, paths], ["invalid_input", [
      "nmae",
      "name",
      "mediaType",
      "ttlMs",
      "sha256",
    ]]);
    return true;
  });
  for (
    const name of [
      "",
      ".",
      "..",
      "a\0",
      "a\nb",
      "a\x7f",
      "a\x9b31m",
      "\\x",
      "ä".repeat(128),
      "\ud800",
    ]
  ) {
    await assert.rejects(kit.files.add(someBytes(1), { name }), /name: given/);
  }
  for (const source of [undefined, null, "text", 5, {}, { path: 5 }, [1]]) {
    await assert.rejects(kit.files.add(source as never), /source: given/);
  }
  const texts = (async function* (): AsyncGenerator<unknown> {
    yield "text";
  })();
  await assert.rejects(kit.files.add(texts as never), /source: given "text"/);
  await assert.rejects(kit.files.add({ path: "/none/here" }), /source: given "\/none\/here"/);
  assert.deepEqual(await kit.hashes(), []);
});

Deno.test("Files.add() refuses a file over the limit: before it reads one of known length, else on the way", async () => {
  await using kit = await FileKit.open({ maxFileBytes: 100 });
  const untouched = new ReadableStream<Uint8Array>({
    pull: () => assert.fail("read"),
  }, { highWaterMark: 0 });
  const details = { maxFileBytes: 100, bytes: 101 };
  await assert.rejects(kit.files.add(someBytes(101)), { code: "file_too_large", details });
  await assert.rejects(kit.files.store(untouched, { bytes: 101 }), {
    code: "file_too_large",
    details,
  });
  let given = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      given += 10;
      controller.enqueue(someBytes(10));
    },
  }, { highWaterMark: 0 });
  await assert.rejects(kit.files.add(endless), { code: "file_too_large" });
  assert.equal(given, 110);
  await kit.files.add(someBytes(100));
  assert.equal((await kit.hashes()).length, 1);
});

Deno.test("Files.add() refuses what has no room: in number, in bytes, and in files at once", async () => {
  const files = { maxFiles: 3, maxTotalBytes: 1_024, maxUploads: 2 };
  await using kit = await FileKit.open({ files });
  const gates = [1, 2].map(() => Promise.withResolvers<void>());
  const adding = gates.map(({ promise }, i) =>
    kit.files.add((async function* (): AsyncGenerator<Uint8Array> {
      yield someBytes(400, i);
      await promise;
      yield someBytes(100, i);
    })())
  );
  await assert.rejects(kit.files.add(someBytes(1)), {
    code: "server_busy",
    retryable: true,
    details: { maxUploads: 2 },
  });
  for (const gate of gates) gate.resolve();
  await Promise.all(adding);
  await assert.rejects(kit.files.add(someBytes(25)), {
    code: "file_quota_exceeded",
    details: { bytes: 1_000, maxTotalBytes: 1_024 },
  });
  const slow = kit.files.add(chunks(someBytes(25), 5));
  await assert.rejects(slow, { code: "file_quota_exceeded" });
  await kit.files.add(someBytes(24));
  await assert.rejects(kit.files.add(new Uint8Array()), {
    code: "file_quota_exceeded",
    details: { files: 3, maxFiles: 3 },
  });
  assert.equal((await kit.hashes()).length, 3);
});

Deno.test("Files.add() takes a file of this machine while all places for uploads are taken", async () => {
  await using kit = await FileKit.open({ driver: "directory", files: { maxUploads: 1 } });
  const gate = Promise.withResolvers<void>();
  const slow = kit.files.add((async function* (): AsyncGenerator<Uint8Array> {
    await gate.promise;
    yield someBytes(10);
  })());
  await assert.rejects(kit.files.add(someBytes(1)), { code: "server_busy" });
  const paths = Array.from({ length: 40 }, (_, i) => join(kit.path, `made${i}`));
  await Promise.all(paths.map((path, i) => Deno.writeFile(path, someBytes(1_000, i))));
  const made = await Promise.all(paths.map((path) => kit.files.store({ path }, { move: true })));
  assert.equal(new Set(made.map(({ id }) => id)).size, 40);
  await assert.rejects(kit.files.add(someBytes(1)), { code: "server_busy" });
  gate.resolve();
  await slow;
  await kit.files.add(someBytes(1));
});

Deno.test("Files.add() with an aborted signal adds nothing, whatever the source is", async () => {
  await using kit = await FileKit.open({ driver: "directory" });
  const path = join(kit.path, "table.csv");
  await Deno.writeFile(path, someBytes(1_000));
  const reason = new Error("enough");
  for (const source of [someBytes(10), new Blob(["a"]), chunks(someBytes(10)), { path }]) {
    const adding = kit.files.add(source, { signal: AbortSignal.abort(reason) });
    assert.equal(await adding.catch((error) => error), reason);
  }
  // The signal of a file that is being copied aborts.
  const late = new AbortController();
  const { adopt } = kit.blobs;
  kit.blobs.adopt = async (...args) => {
    const blob = await adopt.apply(kit.blobs, args);
    late.abort(reason);
    return blob;
  };
  const adding = kit.files.add({ path }, { signal: late.signal });
  assert.equal(await adding.catch((error) => error), reason);
  assert.deepEqual(await kit.hashes(), []);
  assert.deepEqual((await kit.files.list()).items, []);
});

Deno.test("Files.list() pages, and names what is wrong", async () => {
  await using kit = await FileKit.open();
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.unshift((await kit.files.add(someBytes(i))).id);
  const first = await kit.files.list({ limit: 3 });
  assert.ok(first.cursor !== undefined);
  const second = await kit.files.list({ limit: 3, cursor: first.cursor });
  assert.deepEqual([...first.items, ...second.items].map(({ id }) => id), ids);
  assert.equal(second.cursor, undefined);
  const wrong = [{ limit: 0 }, { limit: 1_001 }, { cursor: "x" }, { job: "" }, { jbo: "a" }];
  for (const options of wrong) {
    const [path] = Object.keys(options);
    await assert.rejects(kit.files.list(options as never), new RegExp(`${path}: `));
  }
});

Deno.test("Files says so if the bytes of a file are gone", async () => {
  await using kit = await FileKit.open({ driver: "directory" });
  const file = await kit.files.add(someBytes(10));
  await Deno.remove(join(kit.path, "blobs", file.sha256.slice(0, 2), file.sha256));
  const gone = { code: "store_failed", message: /missing or damaged/ };
  await assert.rejects(kit.files.open(file.id), gone);
  await assert.rejects(kit.files.link(file, join(kit.path, "here")), gone);
  const again = await kit.files.add(someBytes(10));
  assert.deepEqual(await kit.read(file.id), await kit.read(again.id));
});

Deno.test("Files without a store throws the reason from every method", async () => {
  const store = new SnakedenError("store_unavailable", "Cannot use jobs here", { retryable: true });
  const files = new Files({ store, config: parseConfig({}).files, maxFileBytes: 10 });
  const uses = [
    () => files.add(new Uint8Array()),
    () => files.get("a"),
    () => files.list(),
    () => files.open("a"),
    () => files.remove("a"),
    () => files.pin(["a"]),
  ];
  for (const use of uses) await assert.rejects(use, { code: "store_unavailable" });
});
