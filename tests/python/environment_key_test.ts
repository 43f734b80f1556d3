import assert from "node:assert/strict";
import { join } from "node:path";
import { environmentKey, environmentName } from "../../src/python/environment_key.ts";
import { tinySource } from "./tiny_source.ts";

Deno.test("environmentKey() changes with every input and with nothing else", async () => {
  await using tiny = await tinySource();
  const { source } = tiny;
  const mine = join(tiny.dir, "mine.txt");
  const included = join(tiny.dir, "included.txt");
  await Deno.writeTextFile(mine, "-r included.txt\n");
  await Deno.writeTextFile(included, "tiny\n");
  const request = { source, requirements: [mine], dev: false };
  const keys = [await environmentKey(request)];
  assert.equal(await environmentKey({ ...request }), keys[0]);
  keys.push(await environmentKey({ ...request, dev: true }));
  keys.push(await environmentKey({ ...request, requirements: [] }));
  keys.push(await environmentKey({ ...request, source: { ...source, packagePath: "/elsewhere" } }));
  await Deno.writeTextFile(included, "tiny>=2\n");
  keys.push(await environmentKey(request));
  await tiny.lock("2.0");
  keys.push(await environmentKey(request));
  assert.equal(new Set(keys).size, keys.length);
});

Deno.test("environmentKey() ends with files that include each other", async () => {
  await using tiny = await tinySource();
  const [one, two] = [join(tiny.dir, "one.txt"), join(tiny.dir, "two.txt")];
  await Deno.writeTextFile(one, "-r two.txt\n");
  await Deno.writeTextFile(two, "-r one.txt\n");
  const request = { source: tiny.source, requirements: [one], dev: false };
  assert.match(await environmentKey(request), /^[0-9a-f]{32}$/);
});

Deno.test("environmentKey() names a requirements file that does not exist", async () => {
  await using tiny = await tinySource();
  const missing = join(tiny.dir, "nope.txt");
  await assert.rejects(
    environmentKey({ source: tiny.source, requirements: [missing], dev: false }),
    { code: "python_environment", message: new RegExp(`${missing} does not exist`) },
  );
});

Deno.test("environmentName() differs by interpreter and marks the one for tests", async () => {
  const python = { baseExecutable: "/usr/bin/python3.11", version: "3.11.2" };
  const name = await environmentName("key", python, false);
  assert.match(name, /^[0-9a-f]{16}$/);
  assert.notEqual(await environmentName("key", { ...python, version: "3.11.3" }, false), name);
  assert.equal(await environmentName("key", python, true), `dev-${name}`);
});
