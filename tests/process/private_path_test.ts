import assert from "node:assert/strict";
import { join } from "node:path";
import { isExposed, isOurs, makePrivateDirectory, ownUid } from "../../src/process/mod.ts";
import { tempDir } from "../fixtures/host.ts";

const NOBODY = 65_534;

function modeOf(path: string): number {
  return (Deno.statSync(path).mode ?? 0) & 0o777;
}

/** Only root can create files of another user. */
function asRoot(name: string, fn: () => Promise<void>): void {
  const ignore = Deno.uid() !== 0;
  Deno.test({ name: ignore ? `${name} (skipped: only root can try)` : name, ignore, fn });
}

Deno.test("makePrivateDirectory() creates missing directories for our user only, and closes existing ones", async () => {
  await using dir = await tempDir();
  const [outer, inner] = [join(dir.path, "a"), join(dir.path, "a", "b")];
  await makePrivateDirectory(inner);
  assert.deepEqual([modeOf(outer), modeOf(inner)], [0o700, 0o700]);
  await Deno.chmod(inner, 0o777);
  await makePrivateDirectory(inner);
  assert.equal(modeOf(inner), 0o700);
  assert.deepEqual([...Deno.readDirSync(inner)], []);
});

Deno.test("makePrivateDirectory() accepts a link of ours to a directory of ours", async () => {
  await using dir = await tempDir();
  await Deno.mkdir(join(dir.path, "elsewhere"));
  await Deno.symlink("elsewhere", join(dir.path, "link"));
  await makePrivateDirectory(join(dir.path, "link"));
  assert.equal(modeOf(join(dir.path, "elsewhere")), 0o700);
});

asRoot("makePrivateDirectory() refuses a directory that another user has put there", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "python");
  await Deno.mkdir(path);
  await Deno.chown(path, NOBODY, NOBODY);
  await assert.rejects(makePrivateDirectory(path), {
    message: `${path} belongs to another user (uid ${NOBODY}), who could change everything in it`,
  });
});

asRoot(
  "makePrivateDirectory() takes what belongs to the owner of the directory around it",
  async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "python");
    await Deno.mkdir(path);
    for (const it of [path, dir.path]) await Deno.chown(it, NOBODY, NOBODY);
    await makePrivateDirectory(path);
  },
);

Deno.test("isOurs() returns false for a link, and for a path that others own or may write", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "file");
  await Deno.writeTextFile(file, "", { mode: 0o644 });
  await Deno.symlink(file, join(dir.path, "link"));
  const uid = await ownUid(dir.path);
  assert.equal(isOurs(await Deno.lstat(file), uid), true);
  assert.equal(isOurs(await Deno.lstat(join(dir.path, "link")), uid), false);
  assert.equal(isOurs(await Deno.lstat(file), (uid ?? 0) + 1), false);
  for (const mode of [0o620, 0o602]) {
    await Deno.chmod(file, mode);
    assert.equal(isOurs(await Deno.lstat(file), uid), false, mode.toString(8));
  }
});

Deno.test("isExposed() returns true for a directory in which others may rename foreign files", async () => {
  await using dir = await tempDir();
  for (
    const [mode, exposed] of [[0o755, false], [0o777, true], [0o1777, false], [
      0o770,
      true,
    ]] as const
  ) {
    await Deno.chmod(dir.path, mode);
    assert.equal(isExposed(await Deno.stat(dir.path)), exposed, mode.toString(8));
  }
});
