/** Tests of files as arguments and results of real tools, on both carriers. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { defineTool, PythonError } from "../../mod.ts";
import { filesOfCalls, startFilesDen, untilNoFolders } from "../fixtures/files_den.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`a tool gets each file as its hint says, until the call ends (${carrier})`, async () => {
    await using it = await startFilesDen({ carrier });
    const file = await it.add("a,b\n");
    const shown = await it.den.execute("forms", {
      path: file,
      raw: file,
      text: file,
      many: [file],
    });
    const { path, ...rest } = shown as Record<string, string>;
    assert(path);
    assert.deepEqual(rest, { raw: "a,b\n", text: "a,b\n", many: [path], closed: false });
    assert.equal(path.startsWith(join(it.dataDir, "run")), true);
    assert.equal(path.endsWith("/rows.csv"), true);
    await untilNoFolders(it.dataDir);
    assert.equal(await it.den.execute("was_closed"), true);

    const about = await it.den.execute("about", { file }) as Record<string, unknown>;
    assert.deepEqual({ ...about, path: "" }, {
      id: file.$file,
      name: "rows.csv",
      bytes: 4,
      sha256: sha256("a,b\n"),
      path: "",
      mode: "0o444",
    });
    assert.deepEqual(
      await it.den.execute("titled", {
        upload: { source: file, title: "one" },
        more: [{ source: await it.add("x"), title: "two" }],
      }),
      ["one: a,b\n", "two: x"],
    );
    const anything = await it.den.execute("anything", {
      value: { deep: [file], n: 1, big: 2n ** 70n },
    });
    assert.match(
      JSON.stringify((anything as { deep: unknown }).deep),
      /^\["PosixPath .*rows\.csv"\]$/,
    );
    assert.equal((anything as { big: unknown }).big, 2n ** 70n);
    await untilNoFolders(it.dataDir);
  });

  Deno.test(`a tool makes files, which may be given on (${carrier})`, async () => {
    await using it = await startFilesDen({ carrier });
    const made = await it.den.execute("upper", { source: await it.add("é") });
    const { $file: id } = made as { $file: string };
    assert.deepEqual(made, { $file: id, name: "upper.txt", bytes: 2 });
    assert.equal(await it.read(made), "É");
    const info = await it.den.files.get(id);
    assert.equal(info.sha256, sha256("É"));
    assert.equal(info.mediaType, "text/plain");
    assert.equal(info.job, undefined);
    assert(info.expiresAt);
    // As it came.
    assert.equal(await it.den.execute("content", { source: made }), "É");

    const both = await it.den.execute("upper_async", { source: made }) as unknown[];
    assert.deepEqual(await Promise.all(both.map(it.read)), ["É", "É"]);
    const own = await it.den.execute("reads_own");
    assert.deepEqual(own, ["own", "0o444", "own.txt"]);
    await untilNoFolders(it.dataDir);
  });

  Deno.test(`chunks hold files, and a stream keeps those that it was given (${carrier})`, async () => {
    await using it = await startFilesDen({ carrier });
    for (const tool of ["split", "split_async"]) {
      const chunks: unknown[] = [];
      for await (const chunk of it.den.stream(tool, { source: await it.add("a\nb\nc\n") })) {
        chunks.push(chunk);
      }
      const texts = await Promise.all(chunks.map(it.read));
      assert.deepEqual(texts.map((text) => text.trim()), ["a", "b", "c"], tool);
    }
    await untilNoFolders(it.dataDir);
  });

  Deno.test(`threads of a tool make files at once, of the same name (${carrier})`, async () => {
    await using it = await startFilesDen({ carrier });
    const made = await it.den.execute("from_threads", { count: 20 }) as unknown[];
    const texts = await Promise.all(made.map(it.read));
    assert.deepEqual(
      texts.map(Number).sort((a, b) => a - b),
      Array.from({ length: 20 }, (_, i) => i),
    );
    await untilNoFolders(it.dataDir);
  });
}

Deno.test("wrong forms and unknown files are refused with the path of the field", async () => {
  await using it = await startFilesDen({}, { files: { maxFilesPerCall: 3 } });
  const { den } = it;
  const file = await it.add("x");
  await assert.rejects(den.execute("anything", { value: { $file: 7 } }), {
    code: "invalid_input",
    message: "Cannot use a file: args.value.$file: given 7; allowed: the id of a file, " +
      "1 to 128 letters, digits or . _ : -",
  });
  await assert.rejects(den.execute("anything", { value: [{ $file: "a", other: 1 }] }), {
    code: "invalid_input",
    message: /^Cannot use a file: args\.value\[0\]: given the key "other" beside \$file/,
  });
  await assert.rejects(den.execute("anything", { value: { $file: "nothing" } }), {
    code: "unknown_file",
    message: /^Cannot use a file: args\.value: there is no file "nothing"/,
  });
  await assert.rejects(den.execute("count", { number: file }), {
    code: "invalid_arguments",
    message: /args\.number: Expected `int`, got `File`/,
  });
  const four = await Promise.all(["1", "2", "3", "4"].map((text) => it.add(text)));
  await assert.rejects(den.execute("anything", { value: four }), {
    code: "invalid_input",
    message: /args\.value\[3\]: given 4 files; allowed: at most 3 in one call/,
  });
  // Refused for its tool and its options first.
  await assert.rejects(den.execute("nothing", { value: { $file: "nothing" } }), {
    code: "unknown_tool",
  });
  const stream = den.stream("split", { source: { $file: "nothing" } });
  await assert.rejects(Array.fromAsync(stream), { code: "unknown_file" });
  await untilNoFolders(it.dataDir);
});

Deno.test("a file that is not finished leaves nothing", async () => {
  await using it = await startFilesDen();
  await assert.rejects(it.den.execute("half"), (error) => {
    assert(error instanceof PythonError);
    assert.equal(error.python.message, "half a file is none");
    return true;
  });
  const path = await it.den.execute("leaves_open") as string;
  await untilNoFolders(it.dataDir);
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  assert.deepEqual((await it.den.files.list()).items, []);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(join(it.dataDir, "blobs", "incoming"))), []);
});

Deno.test("files that a tool makes have limits of length and number, and good names", async () => {
  await using it = await startFilesDen({}, {
    files: { maxFilesPerCall: 5 },
    limits: { maxFileBytes: 100_000 },
  });
  const { den } = it;
  await den.execute("grows", { size: 100_000 });
  const tooLong = /file_too_large.*|101000 bytes/;
  await assert.rejects(den.execute("grows", { size: 101_000 }), {
    code: "python_exception",
    message: tooLong,
  });
  await assert.rejects(den.execute("grows_by_path", { size: 101_000 }), {
    message: /it has 101000 bytes; allowed: at most 100000 \(limits\.maxFileBytes\)/,
  });
  assert.equal(await den.execute("makes", { count: 5 }), 5);
  await assert.rejects(den.execute("makes", { count: 6 }), {
    message: /the call has made 5; allowed: at most 5 in one call \(files\.maxFilesPerCall\)/,
  });
  for (const name of ["", "a\nb", "x".repeat(256), "..", "a/b"]) {
    await assert.rejects(den.execute("makes", { count: 1, name }), {
      message: /Cannot make a file: name: given/,
    }, name);
  }
  for (const name of ["-", " ..csv", "é".repeat(127)]) {
    assert.equal(await den.execute("makes", { count: 1, name }), 1, name);
    assert.equal((await den.files.list({ limit: 1 })).items[0]?.name, name);
  }
  await untilNoFolders(it.dataDir);
});

Deno.test("a tool cannot hand the host a file by a link", async () => {
  await using it = await startFilesDen();
  const secret = join(it.dataDir, "secret");
  await Deno.writeTextFile(secret, "secret");
  await assert.rejects(it.den.execute("replaced_by_link", { target: secret }), {
    message: /Cannot keep the file "a\.txt": it is not at its path any more, or is no plain file/,
  });
  assert.equal(await Deno.readTextFile(secret), "secret");
});

Deno.test("host tools get descriptions of files, from programs and from Python", async () => {
  await using it = await startFilesDen();
  const seen: unknown[] = [];
  it.den.tools.register(defineTool({
    name: "look",
    expose: "all",
    run: async ({ file }: { file: { id: string; name: string } }) => {
      seen.push(file);
      return await new Response(await it.den.files.open(file.id)).text();
    },
  }));
  const file = await it.add("seen");
  assert.equal(await it.den.execute("look", { file }), "seen");
  assert.equal(await it.den.execute("asks_host", { tool: "look", source: file }), "seen");
  const info = await it.den.files.get(file.$file);
  assert.deepEqual(seen, [info, info]);
  await assert.rejects(it.den.execute("look", { file: { $file: "nothing" } }), {
    code: "unknown_file",
    message: /args\.file: there is no file/,
  });
  await untilNoFolders(it.dataDir);
});

Deno.test("a file stays while a call uses it, and can be removed afterwards", async () => {
  await using it = await startFilesDen();
  const file = await it.add("used");
  const abort = new AbortController();
  const stream = it.den.stream("waits", { source: file }, { signal: abort.signal });
  for await (const event of stream.events()) {
    if (event.type !== "progress") continue;
    const [folder, path] = await filesOfCalls(it.dataDir);
    assert(folder && path?.endsWith("/rows.csv"));
    await assert.rejects(it.den.files.remove(file.$file), { code: "file_in_use" });
    break;
  }
  await untilNoFolders(it.dataDir);
  await it.den.files.remove(file.$file);
  await assert.rejects(it.den.execute("content", { source: file }), { code: "unknown_file" });
});
