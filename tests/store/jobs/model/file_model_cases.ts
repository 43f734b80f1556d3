import assert from "node:assert/strict";
import fc from "fast-check";
import type { PinnedFiles } from "../../../../src/store/mod.ts";
import { newFile } from "../cases/file_cases.ts";
import type { JobDriver } from "../conformance.ts";
import { JobKit, newJob } from "../job_kit.ts";

/** The seed of all choices; a random one if it is absent, which a failure names. */
const SEED = Deno.env.get("SNAKEDEN_TEST_SEED");

const INDEX = fc.nat(7);
const OPERATION = fc.oneof(
  fc.record({ do: fc.constant("add"), ttlMs: fc.integer({ min: 1, max: 300 }), seed: fc.nat(3) }),
  fc.record({ do: fc.constant("make"), job: INDEX, seed: fc.nat(3) }),
  fc.record({ do: fc.constant("remove"), file: INDEX }),
  fc.record({ do: fc.constant("pin"), files: fc.array(INDEX, { maxLength: 3 }) }),
  fc.record({ do: fc.constant("unpin") }),
  fc.record({ do: fc.constant("submit"), files: fc.array(INDEX, { maxLength: 3 }) }),
  fc.record({ do: fc.constant("replace"), files: fc.array(INDEX, { maxLength: 3 }) }),
  fc.record({ do: fc.constant("cancel"), job: INDEX }),
  fc.record({ do: fc.constant("retry"), job: INDEX }),
  fc.record({ do: fc.constant("advance"), ms: fc.integer({ min: 1, max: 200 }) }),
  fc.record({ do: fc.constant("sweep") }),
  fc.record({ do: fc.constant("reopen") }),
);
type Operation = typeof OPERATION extends fc.Arbitrary<infer T> ? T : never;

/** Registers the test that drives files and a plain list with the same operations. */
export function testFileModel(driver: JobDriver, { runs }: { readonly runs: number }): void {
  Deno.test(`${driver.name}: any operations do what they do to a plain list of files`, async () => {
    const sequences = fc.array(OPERATION, { minLength: 1, maxLength: 60, size: "max" });
    await fc.assert(
      fc.asyncProperty(sequences, async (operations) => {
        await using kit = await JobKit.open(driver);
        const run = new FileModel(kit);
        for (const operation of operations) await run.step(operation);
      }),
      { numRuns: runs, ...(SEED !== undefined && { seed: Number(SEED) }) },
    );
  });
}

interface ModelFile {
  readonly id: string;
  readonly sha256: string;
  expiresAt: number;
  job: string | undefined;
}

/** A job, which waits until it is cancelled, and is removed by a sweep after its retention. */
interface ModelJob {
  readonly id: string;
  files: ReadonlySet<string>;
  removeAt: number;
}

/** The time for which a cancelled job is kept. */
const RETENTION_MS = 150;

/** Files and jobs as plain lists, beside the store. */
class FileModel {
  readonly #kit: JobKit;
  /** All that were ever added, in order; the last ones are chosen from. */
  readonly #ids: string[] = [];
  readonly #jobIds: string[] = [];
  readonly #files = new Map<string, ModelFile>();
  readonly #jobs = new Map<string, ModelJob>();
  #pins: { readonly ids: readonly string[]; readonly pinned: PinnedFiles }[] = [];
  /** The job that has the unique key. */
  #unique: string | undefined;

  constructor(kit: JobKit) {
    this.#kit = kit;
  }

  async step(operation: Operation): Promise<void> {
    await this.#do(operation);
    const { store } = this.#kit;
    const rows = await store.getFiles(this.#ids);
    const seen = rows.map((it) => it && [it.id, it.job, it.expiresAt ?? Infinity]);
    const expected = this.#ids.map((id) => {
      const file = this.#files.get(id);
      return file && this.#isThere(file) ? [id, file.job, file.expiresAt] : undefined;
    });
    assert.deepEqual(seen, expected);
    const list = await store.listFiles({}, { limit: 100 });
    const there = this.#ids.filter((id) => this.#isThere(this.#files.get(id))).reverse();
    assert.deepEqual(list.items.map(({ id }) => id), there);
    const files = this.#files.size;
    assert.deepEqual(await store.fileTotals(), { files, bytes: 10 * files });
    const hashes = [0, 1, 2, 3].map(hashOf);
    const named = new Set([...this.#files.values()].map((it) => it.sha256));
    assert.deepEqual(await store.areNamed(hashes), hashes.map((it) => named.has(it)));
  }

  async #do(operation: Operation): Promise<void> {
    const { store, clock } = this.#kit;
    switch (operation.do) {
      case "add": {
        const { ttlMs, seed } = operation;
        const file = newFile({ sha256: hashOf(seed), kept: { ttlMs } });
        await store.addFile(file);
        this.#add({ ...file, expiresAt: clock.now() + ttlMs, job: undefined });
        return;
      }
      case "make": {
        const { job, seed } = operation;
        const id = this.#job(job);
        const file = newFile({ sha256: hashOf(seed), kept: { job: id } });
        const added = store.addFile(file);
        if (!this.#jobs.has(id)) return await assert.rejects(added, { code: "unknown_job" });
        await added;
        this.#add({ ...file, expiresAt: Infinity, job: id });
        return;
      }
      case "remove": {
        const id = this.#file(operation.file);
        const file = this.#files.get(id);
        const expected = !this.#isThere(file)
          ? "unknown"
          : this.#isNamed(id) || this.#isPinned(id)
          ? "in_use"
          : "removed";
        assert.equal(await store.removeFile(id), expected);
        if (expected === "removed") this.#files.delete(id);
        return;
      }
      case "pin": {
        const ids = this.#chosen(operation.files);
        const pinned = await store.pinFiles(ids);
        const there = ids.map((id) => this.#isThere(this.#files.get(id)) ? id : undefined);
        assert.deepEqual(pinned.files.map((it) => it?.id), there);
        this.#pins.push({ ids: there.flatMap((it) => it ?? []), pinned });
        return;
      }
      case "unpin":
        this.#pins.shift()?.pinned[Symbol.dispose]();
        return;
      case "submit":
      case "replace":
        return await this.#submit(this.#chosen(operation.files), operation.do === "replace");
      case "cancel": {
        const id = this.#job(operation.job);
        await store.cancel({ ids: [id] });
        const job = this.#jobs.get(id);
        if (job?.removeAt === Infinity) job.removeAt = clock.now() + RETENTION_MS;
        if (this.#unique === id) this.#unique = undefined;
        return;
      }
      case "retry": {
        const id = this.#job(operation.job);
        await store.retry({ ids: [id] });
        const job = this.#jobs.get(id);
        if (job !== undefined) job.removeAt = Infinity;
        return;
      }
      case "advance":
        clock.advance(operation.ms);
        return;
      case "sweep":
        return await this.#sweep();
      case "reopen":
        // Pins do not outlive a store.
        if (this.#kit.isDurable) this.#pins = [];
        await this.#kit.reopen();
    }
  }

  async #submit(files: readonly string[], isReplacement: boolean): Promise<void> {
    const unique = { key: "one", mode: "replace" } as const;
    const retention = { completedMs: 0, cancelledMs: RETENTION_MS, discardedMs: 0 };
    const job = newJob({ files, retention, ...(isReplacement && { unique }) });
    const submitted = this.#kit.store.submit([job]);
    if (!files.every((id) => this.#isThere(this.#files.get(id)))) {
      return await assert.rejects(submitted, { code: "unknown_file" });
    }
    await submitted;
    const holder = isReplacement ? this.#jobs.get(this.#unique ?? "") : undefined;
    if (holder !== undefined) {
      holder.files = new Set(files);
      return;
    }
    this.#jobIds.push(job.id);
    this.#jobs.set(job.id, { id: job.id, files: new Set(files), removeAt: Infinity });
    if (isReplacement) this.#unique = job.id;
  }

  async #sweep(): Promise<void> {
    const now = this.#kit.clock.now();
    const before = new Set([...this.#files.values()].map((it) => it.sha256));
    for (const job of this.#jobs.values()) {
      if (job.removeAt > now) continue;
      this.#jobs.delete(job.id);
      for (const file of this.#files.values()) {
        if (file.job !== job.id) continue;
        file.job = undefined;
        file.expiresAt = now;
      }
    }
    for (const { id, expiresAt } of this.#files.values()) {
      if (expiresAt <= now && !this.#isNamed(id) && !this.#isPinned(id)) this.#files.delete(id);
    }
    const after = new Set([...this.#files.values()].map((it) => it.sha256));
    const { unusedBlobs } = await this.#kit.store.sweep();
    for (const it of before) if (!after.has(it)) assert.ok(unusedBlobs.includes(it), it);
    for (const it of unusedBlobs) assert.ok(!after.has(it), it);
  }

  #add({ id, sha256, expiresAt, job }: ModelFile): void {
    this.#ids.push(id);
    this.#files.set(id, { id, sha256, expiresAt, job });
  }

  #file(index: number): string {
    return this.#ids.at(-1 - index) ?? "none";
  }

  #job(index: number): string {
    return this.#jobIds.at(-1 - index) ?? "none";
  }

  #chosen(files: readonly number[]): string[] {
    return files.map((it) => this.#file(it));
  }

  #isNamed(id: string): boolean {
    return [...this.#jobs.values()].some(({ files }) => files.has(id));
  }

  #isPinned(id: string): boolean {
    return this.#pins.some(({ ids }) => ids.includes(id));
  }

  #isThere(file: ModelFile | undefined): boolean {
    return file !== undefined &&
      (file.expiresAt > this.#kit.clock.now() || this.#isNamed(file.id));
  }
}

function hashOf(seed: number): string {
  return seed.toString(16).repeat(64);
}
