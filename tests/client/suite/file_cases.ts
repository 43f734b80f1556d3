import { equal, failure, holds } from "./checks.ts";
import type { Case } from "./suite.ts";

/** Returns bytes that differ from those of another seed. */
function someBytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17) % 251);
}

async function* chunksOf(
  bytes: Uint8Array<ArrayBuffer>,
  size: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.slice(at, at + size);
}

async function read(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(
    await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>)
      .arrayBuffer(),
  );
}

async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (it) => it.toString(16).padStart(2, "0")).join("");
}

/** Files, up and down. */
export const FILE_CASES: readonly Case[] = [
  {
    name: "a file of every kind of source comes back as a whole and in parts",
    run: async ({ den }) => {
      const bytes = someBytes(700_000);
      const sha256 = await sha256Of(bytes);
      const sources = [
        bytes,
        new Blob([bytes]),
        new Blob([bytes]).stream(),
        chunksOf(bytes, 100_000),
      ];
      for (const source of sources) {
        const file = await den.files.add(source, { name: "Zoë 1.bin", sha256 });
        equal([file.name, file.bytes, file.sha256], ["Zoë 1.bin", 700_000, sha256]);
        equal(await den.files.get(file.id), file);
        holds(
          await sha256Of(await read(await den.files.open(file.id)) as never) === sha256,
          "same",
        );
        const part = await read(await den.files.open(file.id, { start: 10, end: 20 }));
        equal(Array.from(part), Array.from(bytes.slice(10, 20)));
        equal((await read(await den.files.open(file.id, { start: 9, end: 9 }))).length, 0);
        await den.files.remove(file.id);
      }
      const empty = await den.files.add(new Uint8Array());
      equal([empty.name, empty.bytes, empty.mediaType ?? null].slice(0, 2), ["file", 0]);
      equal((await read(await den.files.open(empty.id))).length, 0);
    },
  },
  {
    name: "a Blob brings its type, and a File its name",
    run: async ({ den }) => {
      const blob = new Blob(["a,b"], { type: "text/csv" });
      const file = await den.files.add(Object.assign(blob, { name: "table.csv" }), {
        name: "table.csv",
        ttlMs: 60_000,
      });
      equal([file.name, file.mediaType], ["table.csv", "text/csv"]);
      equal(Date.parse(file.expiresAt ?? "") - Date.parse(file.createdAt), 60_000);
    },
  },
  {
    name: "files are listed page by page, the last added first",
    run: async ({ den }) => {
      const ids: string[] = [];
      for (let i = 0; i < 4; i++) ids.unshift((await den.files.add(someBytes(i))).id);
      const first = await den.files.list({ limit: 3 });
      const second = await den.files.list({ limit: 1, cursor: first.cursor ?? "" });
      equal([...first.items, ...second.items].map(({ id }) => id), ids);
      equal(await den.files.list({ job: "none" }), { items: [] });
    },
  },
  {
    name: "wrong uses of files have the same errors",
    run: async ({ den }) => {
      const codes: unknown[] = [];
      const note = async (work: () => Promise<unknown>): Promise<void> => {
        const { code, issues = [] } = await failure(work);
        codes.push([code, (issues as { path: string }[]).map(({ path }) => path)]);
      };
      const { id } = await den.files.add(someBytes(10));
      await note(() => den.files.add(someBytes(10), { sha256: "0".repeat(64) }));
      await note(() => den.files.add(someBytes(10), { name: "../a" }));
      await note(() => den.files.add(someBytes(10), { ttlMs: 0 }));
      await note(() => den.files.add("text" as never));
      await note(() => den.files.open(id, { start: 5, end: 11 }));
      await note(() => den.files.list({ limit: 0 }));
      for (const unknown of ["none", "..", ".", ""]) await note(() => den.files.get(unknown));
      await note(() => den.files.remove("none"));
      await note(() => den.files.open("none"));
      const none = ["unknown_file", []];
      equal(codes, [
        ["invalid_input", ["sha256"]],
        ["invalid_input", ["name"]],
        ["invalid_input", ["ttlMs"]],
        ["invalid_input", ["source"]],
        ["invalid_input", ["range"]],
        ["invalid_input", ["limit"]],
        ...[none, none, none, none],
        none,
        none,
      ]);
    },
  },
  {
    name: "the error of a source ends the adding, and nothing is left",
    run: async ({ den }) => {
      const [before] = (await den.files.list({ limit: 1 })).items;
      const failing = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
        yield someBytes(100_000);
        await Promise.resolve();
        throw new RangeError("the source");
      };
      const { name, message } = await failure(() => den.files.add(failing()));
      equal([name, message], ["RangeError", "the source"]);
      const leaving = new AbortController();
      const silent = new ReadableStream<Uint8Array>({});
      const adding = failure(() => den.files.add(silent, { signal: leaving.signal }));
      leaving.abort(new RangeError("enough"));
      equal((await adding).message, "enough");
      const [after] = (await den.files.list({ limit: 1 })).items;
      equal(after?.id, before?.id);
    },
  },
];
