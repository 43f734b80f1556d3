import assert from "node:assert/strict";
import { join } from "node:path";
import { ScriptFolders } from "../../../src/jobs/scripts/script_folders.ts";
import { startDen, tempDir } from "../../fixtures/host.ts";

Deno.test("ScriptFolders.issues() names each folder and requirements file that is not there", async () => {
  await using dir = await tempDir();
  const [there, file, gone] = ["there", "file", "gone"].map((it) => join(dir.path, it));
  assert.ok(there !== undefined && file !== undefined && gone !== undefined);
  await Deno.mkdir(there);
  await Deno.writeTextFile(file, "");
  const folders = new ScriptFolders([
    there,
    gone,
    { path: file },
    { path: join(file, "below") },
    { path: there, requirements: file },
    { path: there, requirements: gone },
    { path: there, requirements: there },
  ]);
  assert.deepEqual(
    (await folders.issues()).map(({ path, message }) => `${path}: ${message}`),
    [
      `jobs.scriptFolders[1]: given "${gone}", which does not exist; allowed: a folder`,
      `jobs.scriptFolders[2]: given "${file}", which is not a folder; allowed: a folder`,
      `jobs.scriptFolders[3]: given "${file}/below", which does not exist; allowed: a folder`,
      `jobs.scriptFolders[5].requirements: given "${gone}", which does not exist; allowed: a file`,
      `jobs.scriptFolders[6].requirements: given "${there}", which is not a file; allowed: a file`,
    ],
  );
});

Deno.test("Snakeden.start() refuses a folder of scripts that does not exist", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "gone");
  await assert.rejects(
    startDen({ size: 1 }, { jobs: { scriptFolders: [path] } }),
    {
      code: "config_invalid",
      message: "Cannot use the configuration: 1 problem\n" +
        `  jobs.scriptFolders[0]: given "${path}", which does not exist; allowed: a folder`,
    },
  );
});
