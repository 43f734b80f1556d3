import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { type FileInfo, type Snakeden, SnakedenError } from "../../../mod.ts";
import { until } from "../../fixtures/until.ts";
import { POOL_NAMES } from "../pools/drawn_pools.ts";
import type { Random } from "../random.ts";
import { errorOf, type Kind, leaveAfter } from "./kind.ts";

const MAX_BYTES = 300_000;
/** The time that the host has to remove the blobs that nothing names any more. */
const SWEEP_MS = 30_000;

/** Files: uploads that end or are cut, downloads, removals, and files that tools use and make. */
export class FileKinds {
  readonly #den: Snakeden;
  readonly #origin: string;
  readonly #dataDir: string;
  /** The files whose upload was acknowledged, and that nobody has asked to remove. */
  readonly #kept = new Map<string, FileInfo>();

  constructor(
    den: Snakeden,
    { origin, dataDir }: { readonly origin: string; readonly dataDir: string },
  ) {
    this.#den = den;
    this.#origin = origin;
    this.#dataDir = dataDir;
  }

  get kinds(): Kind[] {
    return [
      { name: "file", weight: 3, run: (random) => this.#add(random) },
      { name: "file uploaded", weight: 3, run: (random) => this.#upload(random) },
      { name: "upload cut", weight: 2, run: (random) => this.#cut(random) },
      { name: "file downloaded", weight: 4, run: (random) => this.#download(random) },
      { name: "file removed", weight: 3, run: (random) => this.#remove(random) },
      { name: "file in a call", weight: 4, run: (random) => this.#call(random) },
      { name: "file in a job", weight: 3, run: (random) => this.#job(random) },
      { name: "file made", weight: 3, run: (random) => this.#make(random) },
      { name: "file made by a job", weight: 2, run: (random) => this.#makeInJob(random) },
    ];
  }

  /**
   * Checks what holds when nobody uses files any more: all bytes are there, no blob is left that
   * nothing names, and no call has left a file.
   */
  async settle(): Promise<Record<string, number>> {
    for (const { id } of this.#kept.values()) await this.#den.files.get(id);
    let files = 0;
    let cursor: string | undefined;
    do {
      const page = await this.#den.files.list({
        limit: 1_000,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const { id, sha256 } of page.items) {
        const bytes = await new Response(await this.#den.files.open(id)).bytes();
        assert.equal(hashOf(bytes), sha256, id);
        files++;
      }
      cursor = page.cursor;
    } while (cursor !== undefined);
    let unnamed: string[] = [];
    let named: string[] = [];
    let stored: string[] = [];
    await until(
      () => {
        named = this.#named();
        stored = this.#stored();
        unnamed = stored.filter((it) => !named.includes(it));
        return unnamed.length === 0;
      },
      "blobs without a name to be removed",
      { timeoutMs: SWEEP_MS },
    ).catch((cause) => {
      throw new Error(`Without a name: ${unnamed}`, { cause });
    });
    assert.deepEqual(named.filter((it) => !stored.includes(it)), [], "named blobs are gone");
    assert.deepEqual([...Deno.readDirSync(`${this.#dataDir}/blobs/incoming`)], []);
    const left = foldersOf(`${this.#dataDir}/run`).filter((it) => /\/files\/.+/.test(it));
    assert.deepEqual(left, [], "files of calls are left");
    return { files, blobs: stored.length };
  }

  #named(): string[] {
    using database = new DatabaseSync(`${this.#dataDir}/store/jobs.sqlite`, { readOnly: true });
    return database.prepare("select sha256 as name from blob").all()
      .map(({ name }) => String(name));
  }

  #stored(): string[] {
    const root = `${this.#dataDir}/blobs`;
    return [...Deno.readDirSync(root)].filter(({ name }) => name.length === 2)
      .flatMap(({ name }) => [...Deno.readDirSync(`${root}/${name}`)].map((it) => it.name));
  }

  async #add(random: Random): Promise<void> {
    this.#note(await this.#added(random));
  }

  async #added(random: Random): Promise<FileInfo> {
    const bytes = bytesOf(random);
    const file = await this.#den.files.add(bytes, { name: "chaos" });
    assert.equal(file.sha256, hashOf(bytes));
    return file;
  }

  async #upload(random: Random): Promise<void> {
    const body = bytesOf(random);
    const url = `${this.#origin}/v1/files?name=chaos&sha256=${hashOf(body)}`;
    const response = await fetch(url, { method: "PUT", body });
    const answer = await response.json();
    if (!response.ok) throw errorOf(answer);
    assert.equal(answer.sha256, hashOf(body));
    this.#note(answer);
  }

  /** Leaves in the middle of an upload, which leaves nothing: its name is in no list. */
  async #cut(random: Random): Promise<void> {
    const name = `cut-${crypto.randomUUID()}`;
    const part = bytesOf(random);
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(part),
    });
    const url = `${this.#origin}/v1/files?name=${name}`;
    const upload = leaveAfter(
      random.below(50),
      (signal) => fetch(url, { method: "PUT", body, signal }),
    );
    await assert.rejects(upload, /left/);
    const { items } = await this.#den.files.list({ limit: 1_000 });
    assert.ok(items.every((it) => it.name !== name), "a part of an upload is a file");
  }

  async #download(random: Random): Promise<void> {
    const file = this.#pick(random);
    if (file === undefined) return;
    const url = `${this.#origin}/v1/files/${file.id}/content`;
    const start = random.below(file.bytes);
    const isPart = random.below(2) === 0;
    const response = await fetch(url, { headers: isPart ? { range: `bytes=${start}-` } : {} });
    // Another caller may have removed it.
    if (response.status === 404) return void await response.body?.cancel();
    assert.equal(response.status, isPart ? 206 : 200);
    if (random.below(4) === 0) return void await response.body?.cancel();
    const bytes = await response.bytes();
    if (isPart) assert.equal(bytes.length, file.bytes - start);
    else assert.equal(hashOf(bytes), file.sha256);
  }

  async #remove(random: Random): Promise<void> {
    const file = this.#pick(random);
    if (file === undefined) return;
    this.#kept.delete(file.id);
    try {
      await this.#den.files.remove(file.id);
    } catch (error) {
      assert.ok(error instanceof SnakedenError);
      assert.equal(error.code, "file_in_use");
      return;
    }
    await assert.rejects(this.#den.files.get(file.id), { code: "unknown_file" });
  }

  async #call(random: Random): Promise<void> {
    const file = await this.#added(random);
    const args = { file: { $file: file.id }, seconds: random.next() / 20 };
    const isLeft = random.below(4) === 0;
    const pool = random.pick(POOL_NAMES) ?? "default";
    const call = leaveAfter(
      isLeft ? random.below(30) : 60_000,
      (signal) => this.#den.execute("file_hash", args, { signal, pool }),
    );
    if (isLeft) return void await call.catch(() => {});
    const hash = await call;
    assert.equal(hash, file.sha256);
    this.#note(file);
  }

  async #job(random: Random): Promise<void> {
    const file = await this.#added(random);
    const job = await this.#den.jobs.submit({
      tool: "file_hash",
      pool: random.pick(POOL_NAMES) ?? "default",
      args: { file: { $file: file.id }, seconds: random.next() / 20 },
      maxAttempts: 10,
      retry: { minMs: 1, maxMs: 50 },
      tags: ["files"],
    });
    await assert.rejects(this.#den.files.remove(file.id), { code: "file_in_use" });
    assert.equal(await job.result(), file.sha256);
    this.#note(file);
  }

  async #make(random: Random): Promise<void> {
    const [args, expected] = textOf(random);
    const made = await this.#den.execute<{ readonly $file: string }>("file_made", args);
    await this.#check(made.$file, expected);
  }

  async #makeInJob(random: Random): Promise<void> {
    const [args, expected] = textOf(random);
    const job = await this.#den.jobs.submit({
      tool: "file_made",
      args,
      maxAttempts: 10,
      retry: { minMs: 1, maxMs: 50 },
    });
    const made = await job.result<{ readonly $file: string }>();
    await this.#check(made.$file, expected);
    const { items } = await this.#den.jobs.artifacts(job.id);
    assert.ok(items.some(({ id }) => id === made.$file));
  }

  async #check(id: string, expected: Uint8Array): Promise<void> {
    const file = await this.#den.files.get(id);
    assert.equal(file.sha256, hashOf(expected));
    const bytes = await new Response(await this.#den.files.open(id)).bytes();
    assert.equal(hashOf(bytes), file.sha256);
  }

  /** Lets other callers use a file, and remove it. */
  #note(file: FileInfo): void {
    this.#kept.set(file.id, file);
  }

  #pick(random: Random): FileInfo | undefined {
    return random.pick([...this.#kept.values()]);
  }
}

/** Returns bytes, of which some are the same again and again. */
function bytesOf(random: Random): Uint8Array<ArrayBuffer> {
  const isCommon = random.below(3) === 0;
  const length = isCommon ? 1_000 : 1 + random.below(MAX_BYTES);
  return new Uint8Array(length).fill(isCommon ? random.below(4) : random.below(256));
}

function textOf(
  random: Random,
): [args: { readonly text: string; readonly times: number }, bytes: Uint8Array] {
  const text = `text ${random.below(10)}\n`;
  const times = random.below(20_000);
  return [{ text, times }, new TextEncoder().encode(text.repeat(times))];
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function foldersOf(root: string): string[] {
  return [...Deno.readDirSync(root)].flatMap(({ name, isDirectory }) => {
    const path = `${root}/${name}`;
    return isDirectory ? [path, ...foldersOf(path)] : [path];
  });
}
