/**
 * The examples of adapters, run as examples/package_adapter/README.md,
 * examples/async_fetch/README.md and examples/plain_file/README.md say.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../scripts/dev_python.ts";
import { HostProcess, ROOT, ServerProcess, tempDir } from "../fixtures/host.ts";

async function outputOf(example: string): Promise<string> {
  await using dir = await tempDir();
  await using script = new HostProcess(["task", "--quiet", "run", example], {
    env: { SNAKEDEN_PYTHON: await devPython(), SNAKEDEN_DATA_DIR: dir.path },
  });
  const { code, stdout, stderr } = await script.finished();
  assert.equal(code, 0, stderr);
  return stdout;
}

Deno.test("examples/package_adapter serves the tools of its modules", async () => {
  assert.equal(
    await outputOf("examples/package_adapter/main.ts"),
    [
      "tools: mean, longest, palindromes, count",
      "longest: level",
      "palindrome: Anna",
      "palindrome: level",
      "palindrome: radar",
      "mean: 3",
      "count: 4",
      "",
    ].join("\n"),
  );
});

Deno.test("examples/custom_adapter prints results, chunks and the error of a bad argument", async () => {
  const output = await outputOf("examples/custom_adapter/main.ts");
  assert.match(output, /^\{ happy: 0\.4, sad: 0 \}$/m);
  assert.match(output, /^invalid_arguments tool 'classify' refuses its arguments: /m);
});

Deno.test("examples/async_fetch holds all its waits in one worker", async () => {
  assert.equal(
    await outputOf("examples/async_fetch/main.ts"),
    [
      "200 calls fetched 1000 bytes with 1 worker",
      "one after the other: 40000 ms; together less than that:",
      "true",
      "one call fetched 200 pages",
      "",
    ].join("\n"),
  );
});

Deno.test("examples/plain_file serves the functions that its configuration names", async () => {
  await using dir = await tempDir();
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_CONFIG: join(ROOT, "examples/plain_file/snakeden.config.json") },
  });
  const listed = await (await fetch(`${server.url}/v1/tools`)).json();
  assert.deepEqual(
    listed.tools.map(({ name, description }: Record<string, string>) => [name, description]),
    [
      ["slug", "Make a text fit for a URL."],
      ["count_words", "Return the number of words."],
      ["count_each", "Return how often the most frequent words occur."],
    ],
  );
  const execute = async (
    tool: string,
    args: unknown,
  ): Promise<{ result?: unknown; code?: unknown }> => {
    const answer = await fetch(`${server.url}/v1/execute`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ tool, args }),
    });
    return await answer.json();
  };
  assert.equal((await execute("slug", { text: "Hello, World!" })).result, "hello-world");
  assert.deepEqual((await execute("count_each", { text: "a b a", top: 1 })).result, { a: 2 });
  assert.equal((await execute("unlisted", { text: "a" })).code, "unknown_tool");
});
