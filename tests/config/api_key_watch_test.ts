import assert from "node:assert/strict";
import { join } from "node:path";
import { ApiKeyWatch } from "../../src/config/mod.ts";
import { tempDir } from "../fixtures/host.ts";
import { LogSink } from "../fixtures/log_sink.ts";

const OLD = "the-old-key-of-the-house";
const NEW = "the-new-key-of-the-house";

/** Replaces the file in one step, as the documentation says. */
async function write(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, text, { mode: 0o600 });
  await Deno.rename(`${path}.new`, path);
}

/** Looks until the file has been read if it has changed, which takes two looks. */
async function look(watch: ApiKeyWatch): Promise<readonly string[] | undefined> {
  return await watch.look() ?? await watch.look();
}

Deno.test("ApiKeyWatch.look() returns the keys of a changed file once", async () => {
  await using dir = await tempDir();
  await using sink = new LogSink();
  const path = join(dir.path, "key");
  await write(path, `${OLD}\n`);
  const watch = new ApiKeyWatch(path, [OLD]);
  assert.equal(await look(watch), undefined);
  await write(path, `${OLD}\n${NEW}\n`);
  assert.deepEqual(await look(watch), [OLD, NEW]);
  assert.equal(await look(watch), undefined);
  await write(path, `${NEW}\n`);
  assert.deepEqual(await look(watch), [NEW]);
  const text = await sink.text();
  assert.match(text, /has changed: 2 keys are valid now .*added=1 removed=0/);
  assert.match(text, /has changed: 1 keys are valid now .*added=0 removed=1/);
  assert.ok(!text.includes(NEW));
});

Deno.test("ApiKeyWatch.look() does not read a file that is still being written", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "key");
  await write(path, `${OLD}\n`);
  const watch = new ApiKeyWatch(path, [OLD]);
  await look(watch);
  await write(path, `${NEW.slice(0, 17)}`);
  assert.equal(await watch.look(), undefined);
  await write(path, `${NEW}\n`);
  assert.equal(await watch.look(), undefined);
  assert.deepEqual(await watch.look(), [NEW]);
});

Deno.test("ApiKeyWatch.look() keeps the keys and warns once while the file cannot be used", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "key");
  await write(path, `${OLD}\n`);
  const watch = new ApiKeyWatch(path, [OLD]);
  const cases: readonly [change: () => Promise<void>, problem: RegExp][] = [
    [() => write(path, "short\n"), /its lines are not what is allowed: 1 to 8 keys, one a line/],
    [() => write(path, "\n"), /it holds no key/],
    [() => Deno.chmod(path, 0o644), /others may read or write it \(mode 0644\)/],
    [() => Deno.remove(path), /there is no such file/],
  ];
  for (const [change, problem] of cases) {
    await using sink = new LogSink();
    await change();
    for (let i = 0; i < 3; i++) assert.equal(await look(watch), undefined);
    const text = await sink.text();
    assert.match(text, /WARN .*cannot be used, so the 1 keys in use stay valid/);
    assert.match(text, problem);
    assert.equal(text.trim().split("\n").length, 1, text);
  }
  await write(path, `${NEW}\n`);
  assert.deepEqual(await look(watch), [NEW]);
});
