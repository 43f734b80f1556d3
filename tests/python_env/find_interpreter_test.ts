import assert from "node:assert/strict";
import { join } from "node:path";
import { SnakedenError } from "../../src/errors.ts";
import {
  findInterpreter,
  lookUp,
  probeInterpreter,
  unfitReason,
} from "../../src/python_env/find_interpreter.ts";
import { writeScript } from "./tiny_source.ts";

async function withDir(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "snakeden-find-" });
  try {
    await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** A stand-in that answers the probe as the Python that `fields` describe. */
function fakePython(
  path: string,
  version: string,
  options: { venv?: boolean; name?: string } = {},
): Promise<string> {
  const fields = [...version.split("."), options.name ?? "cpython", options.venv ?? true];
  const line = ["SNAKEDEN", ...fields, path, path].join("\\t")
    .replace("true", "True").replace("false", "False");
  return writeScript(path, `printf '${line}\\n'`);
}

async function failure(promise: Promise<unknown>): Promise<SnakedenError> {
  const error = await promise.then(() => null, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, `no SnakedenError: ${error}`);
  assert.equal(error.code, "python_environment");
  return error;
}

Deno.test("findInterpreter() finds a real Python, and reports its version and paths", async () => {
  const env = { PATH: Deno.env.get("PATH") ?? "" };
  const found = await findInterpreter({ env, uv: null });
  assert.match(found.version, /^3\.\d+\.\d+$/);
  assert.ok(found.minor >= 10);
  assert.equal(found.implementation, "CPython");
  assert.ok(found.hasVenv);
  assert.ok((await Deno.stat(found.executable)).isFile);
});

Deno.test("findInterpreter() lists the names it searched for when PATH has no Python", async () => {
  await withDir(async (dir) => {
    const error = await failure(findInterpreter({ env: { PATH: dir }, uv: null }));
    assert.match(error.message, /Cannot find a Python 3\.10 or later/);
    assert.match(error.message, /not on PATH: python3, python3\.14, .*python3\.10, python, uv/);
    assert.match(error.message, /SNAKEDEN_PYTHON/);
  });
});

Deno.test("findInterpreter() names the version and the path of one that is too old", async () => {
  await withDir(async (dir) => {
    const path = await writeScript(join(dir, "python3"), "echo Python 3.8.1");
    const error = await failure(findInterpreter({ env: { PATH: dir }, uv: null }));
    assert.ok(error.message.includes(`${path} is Python 3.8.1, older than 3.10`), error.message);
  });
});

Deno.test("findInterpreter() skips an old python3 in favour of python3.12", async () => {
  await withDir(async (dir) => {
    await fakePython(join(dir, "python3"), "3.9.2");
    const good = await fakePython(join(dir, "python3.12"), "3.12.1");
    const found = await findInterpreter({ env: { PATH: dir }, uv: null });
    assert.equal(found.executable, good);
    assert.equal(found.version, "3.12.1");
  });
});

Deno.test("findInterpreter() names the Debian package when venv is missing", async () => {
  await withDir(async (dir) => {
    await fakePython(join(dir, "python3"), "3.11.2", { venv: false });
    const error = await failure(findInterpreter({ env: { PATH: dir }, uv: null }));
    assert.match(error.message, /apt install python3\.11-venv/);
  });
});

Deno.test("findInterpreter() needs no venv module when uv makes the environment", async () => {
  await withDir(async (dir) => {
    await fakePython(join(dir, "python3"), "3.11.2", { venv: false });
    const uv = await writeScript(join(dir, "uv"), "exit 1");
    assert.equal((await findInterpreter({ env: { PATH: dir }, uv })).version, "3.11.2");
  });
});

Deno.test("findInterpreter() asks uv last", async () => {
  await withDir(async (dir) => {
    const managed = await fakePython(join(dir, "managed"), "3.13.0");
    const uv = await writeScript(join(dir, "uv"), `echo ${managed}`);
    const found = await findInterpreter({ env: { PATH: dir }, uv });
    assert.equal(found.executable, managed);
  });
});

Deno.test("findInterpreter() refuses another implementation by name", async () => {
  await withDir(async (dir) => {
    await fakePython(join(dir, "python3"), "3.11.2", { name: "pypy" });
    const error = await failure(findInterpreter({ env: { PATH: dir }, uv: null }));
    assert.match(error.message, /is pypy, not CPython/);
  });
});

Deno.test("findInterpreter() goes on after a candidate that fails", async () => {
  await withDir(async (dir) => {
    await writeScript(join(dir, "python3"), "echo broken shim >&2; exit 127");
    const error = await failure(findInterpreter({ env: { PATH: dir }, uv: null }));
    assert.match(error.message, /exited with 127: broken shim/);
    await fakePython(join(dir, "python"), "3.10.0");
    assert.equal((await findInterpreter({ env: { PATH: dir }, uv: null })).version, "3.10.0");
  });
});

Deno.test("probeInterpreter() throws the reason of a signal that aborts it", async () => {
  await withDir(async (dir) => {
    const path = await writeScript(join(dir, "python3"), `echo started > ${dir}/started; sleep 60`);
    const controller = new AbortController();
    const probe = probeInterpreter(path, {
      env: { PATH: "/usr/bin:/bin" },
      signal: controller.signal,
    });
    controller.abort(new Error("no longer wanted"));
    await assert.rejects(probe, /no longer wanted/);
  });
});

Deno.test("lookUp() skips files that cannot be run and takes a path as it is", async () => {
  await withDir(async (dir) => {
    await Deno.mkdir(join(dir, "a"));
    await Deno.mkdir(join(dir, "b"));
    await Deno.writeTextFile(join(dir, "a", "tool"), "");
    await Deno.chmod(join(dir, "a", "tool"), 0o644);
    const tool = await writeScript(join(dir, "b", "tool"), "exit 0");
    assert.equal(await lookUp("tool", { PATH: `${dir}/a:${dir}/b` }), tool);
    assert.equal(await lookUp(tool, {}), tool);
    assert.equal(await lookUp("tool", { PATH: "" }), null);
  });
});

Deno.test("unfitReason() takes 3.10 and refuses 3.9 and 2.7", () => {
  const python = { executable: "p", baseExecutable: "p", implementation: "CPython", hasVenv: true };
  assert.equal(unfitReason({ ...python, version: "3.10.0", major: 3, minor: 10 }), null);
  assert.match(
    unfitReason({ ...python, version: "3.9.9", major: 3, minor: 9 }) ?? "",
    /older than 3\.10/,
  );
  assert.match(unfitReason({ ...python, version: "2.7.18", major: 2, minor: 7 }) ?? "", /2\.7\.18/);
});
