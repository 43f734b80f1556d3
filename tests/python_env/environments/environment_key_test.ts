import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import {
  environmentKey,
  environmentName,
  type EnvironmentRequest,
} from "../../../src/python_env/environments/environment_key.ts";
import { readRequirementFiles } from "../../../src/python_env/requirements/requirement_files.ts";
import { tinySource } from "../tiny_source.ts";

async function keyOf(
  request: EnvironmentRequest,
  env: Record<string, string> = {},
): Promise<string> {
  return await environmentKey(request, await readRequirementFiles(request.requirements, env));
}

Deno.test("environmentKey() changes with every input and with nothing else", async () => {
  await using tiny = await tinySource();
  const { source } = tiny;
  const mine = join(tiny.dir, "mine.txt");
  const included = join(tiny.dir, "included.txt");
  await Deno.writeTextFile(mine, "-r included.txt\n");
  await Deno.writeTextFile(included, "tiny\n");
  const request = { source, requirements: [mine], kind: "workers" as const };
  const keys = [await keyOf(request)];
  assert.equal(await keyOf({ ...request }), keys[0]);
  keys.push(await keyOf({ ...request, kind: "dev" }));
  keys.push(await keyOf({ ...request, requirements: [] }));
  keys.push(await keyOf({ ...request, source: { ...source, packagePath: "/elsewhere" } }));
  await Deno.writeTextFile(included, "tiny>=2\n");
  keys.push(await keyOf(request));
  await tiny.lock("2.0");
  keys.push(await keyOf(request));
  assert.equal(new Set(keys).size, keys.length);
});

Deno.test("environmentKey() ends with files that include each other", async () => {
  await using tiny = await tinySource();
  const [one, two] = [join(tiny.dir, "one.txt"), join(tiny.dir, "two.txt")];
  await Deno.writeTextFile(one, "-r two.txt\n");
  await Deno.writeTextFile(two, "-r one.txt\n");
  const request = { source: tiny.source, requirements: [one], kind: "workers" as const };
  assert.match(await keyOf(request), /^[0-9a-f]{32}$/);
});

Deno.test("environmentKey() names a requirements file that does not exist", async () => {
  await using tiny = await tinySource();
  const missing = join(tiny.dir, "nope.txt");
  await assert.rejects(
    keyOf({ source: tiny.source, requirements: [missing], kind: "workers" as const }),
    { code: "python_environment", message: new RegExp(`${missing} does not exist`) },
  );
});

Deno.test("environmentName() differs by interpreter and marks the one for tests", async () => {
  const python = { baseExecutable: "/usr/bin/python3.11", version: "3.11.2" };
  const name = await environmentName("key", python, "workers");
  assert.match(name, /^[0-9a-f]{16}$/);
  assert.notEqual(await environmentName("key", { ...python, version: "3.11.3" }, "workers"), name);
  assert.equal(await environmentName("key", python, "dev"), `dev-${name}`);
});

Deno.test("environmentKey() is the same for the same requirements at another path, however they are laid out", async () => {
  await using tiny = await tinySource();
  const { source } = tiny;
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(tiny.dir, name);
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeTextFile(path, text);
    return path;
  };
  const links = "--find-links https://index.test/wheels/\n-e git+https://host.test/x.git#egg=x\n";
  const plain = await write("a/requirements.txt", `tiny>=1\n-r more.txt\n-c pins.txt\n${links}`);
  await write("a/more.txt", "tinier==2 ; python_version > '3'\n");
  await write("a/pins.txt", "tiny<9\n");
  const other = await write(
    "b c/mine.txt",
    "\ufeff# Mine.\r\n\r\ntiny>=1  # at least\r\n--requirement 'sub dir/again.txt'\r\n" +
      `--constraint=../pins.txt\r\n${links}`,
  );
  await write("pins.txt", "tiny<9");
  await write("b c/sub dir/again.txt", "tinier==2 ; \\\npython_version > '3'");
  const keyFor = (path: string): Promise<string> =>
    keyOf({ source, requirements: [path], kind: "workers" });
  assert.equal(await keyFor(other), await keyFor(plain));
});

Deno.test("environmentKey() changes with whatever changes what is installed", async () => {
  await using tiny = await tinySource();
  const { source } = tiny;
  const keys: string[] = [];
  const folders = ["a", "b"].map((it) => join(tiny.dir, it));
  for (const folder of folders) {
    await Deno.mkdir(folder);
    for (
      const [name, text] of [
        ["links.txt", "--find-links wheels\ntiny\n"],
        ["short.txt", "-fwheels\ntiny\n"],
        ["equals.txt", "--find-links=wheels\ntiny\n"],
        ["editable.txt", "-e project\n"],
        ["constrained.txt", "-c more.txt\ntiny\n"],
        ["included.txt", "-r more.txt\ntiny\n"],
        ["index.txt", "--index-url https://${USER}@index.test/simple\ntiny\n"],
        ["wheel.txt", "./tiny-1.0-py3-none-any.whl\n"],
      ] as const
    ) await Deno.writeTextFile(join(folder, name), text);
    await Deno.writeTextFile(join(folder, "more.txt"), "tinier\n");
  }
  const [a = "", b = ""] = folders;
  const key = async (path: string, env?: Record<string, string>): Promise<void> => {
    keys.push(await keyOf({ source, requirements: [path], kind: "workers" }, env));
  };
  // Beside each of them may lie other wheels.
  await key(join(a, "links.txt"));
  await key(join(b, "links.txt"));
  for (const name of ["short.txt", "equals.txt", "editable.txt"]) {
    await key(join(a, name));
    await key(join(b, name));
  }
  await key(join(a, "constrained.txt"));
  await key(join(a, "included.txt"));
  await key(join(a, "index.txt"));
  await key(join(a, "index.txt"), { USER: "me" });
  await key(join(a, "wheel.txt"));
  await Deno.writeTextFile(join(a, "tiny-1.0-py3-none-any.whl"), "one");
  await key(join(a, "wheel.txt"));
  await Deno.writeTextFile(join(a, "tiny-1.0-py3-none-any.whl"), "another");
  await key(join(a, "wheel.txt"));
  assert.equal(new Set(keys).size, keys.length);
});
