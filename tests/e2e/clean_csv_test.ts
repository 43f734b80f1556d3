/**
 * The example examples/clean_csv, with a real server and the permissions of `deno task serve`, as
 * examples/clean_csv/README.md says.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT, ServerProcess, tempDir } from "../fixtures/host.ts";

Deno.test("examples/clean_csv cleans a real file by its id", async () => {
  await using dir = await tempDir();
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_CONFIG: join(ROOT, "examples/clean_csv/snakeden.config.json") },
  });
  const table = join(ROOT, "examples/csv_report/penguins.csv");
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: [join(ROOT, "examples/clean_csv/clean.sh"), table, server.url],
  }).output();
  const [clean = "", answer = ""] = [stdout, stderr].map((it) => new TextDecoder().decode(it));
  assert(success, answer + clean);
  const { result } = JSON.parse(answer);
  const rows = (await Deno.readTextFile(table)).trimEnd().split("\n").slice(1);
  const whole = rows.filter((row) => !row.split(",").some((it) => it === "NA" || it === ""));
  assert.equal(result.kept, whole.length);
  assert.equal(result.dropped, rows.length - whole.length);
  assert(result.dropped > 0);
  assert.deepEqual(clean.trimEnd().split("\n").slice(1), whole);
  assert.equal(result.table.bytes, stdout.byteLength);
});
