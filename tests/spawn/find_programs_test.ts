/** Tests how the folder of Snakeden and the program deno are found. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT, tempDir } from "../fixtures/host.ts";
import denoJson from "../../deno.json" with { type: "json" };
import { hasNode, type Said, Workplace } from "./program.ts";

const ignore = !hasNode();
const DENO = Deno.execPath();

/** Starts a host with these options; returns what came of it. */
async function spawned(
  place: Workplace,
  options: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Said> {
  const text = `
const { deno, snakeden: folder, ...rest } = options;
try {
  const den = await SnakedenClient.spawn({ ...rest, ...(${options}) });
  await den.stop();
  say("done");
} catch (error) {
  say("done", texts(error));
}
`;
  await using program = await place.run(text, { env });
  const said = await program.says("done");
  assert.equal((await program.finished()).code, 0, program.output);
  return said;
}

/** Makes a folder for PATH with programs of these texts, beside node. */
async function programs(
  folder: string,
  texts: Readonly<Record<string, string>>,
): Promise<{ PATH: string }> {
  const path = join(folder, crypto.randomUUID());
  await Deno.mkdir(path);
  const which = await new Deno.Command("sh", { args: ["-c", "command -v node"] }).output();
  await Deno.symlink(new TextDecoder().decode(which.stdout).trim(), join(path, "node"));
  for (const [name, text] of Object.entries(texts)) {
    await Deno.writeTextFile(join(path, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }
  return { PATH: `${path}:/usr/bin:/bin` };
}

Deno.test("a bundle outside of the folder of Snakeden asks for it", { ignore }, async () => {
  await using place = await Workplace.open();
  const { code, message } = await spawned(place, `{ deno }`);
  assert.equal(code, "startup_failed");
  assert.match(String(message), /the folder of Snakeden was not found: .*pass it: spawn\(\{ /);
  const wrong = await spawned(place, `{ deno, snakeden: "/usr" }`);
  assert.match(String(wrong.message), /snakeden: given \/usr, which has no deno\.json of Snakeden/);
});

Deno.test("a bundle inside of the folder of Snakeden finds it", { ignore }, async () => {
  await using place = await Workplace.open();
  await using dir = await tempDir();
  // As in my-app/snakeden/dist/spawn.js.
  for (const name of ["deno.json", "deno.lock", ".dvmrc", "main.ts", "src", "proto", "python"]) {
    await Deno.symlink(join(ROOT, name), join(dir.path, name));
  }
  await Deno.mkdir(join(dir.path, "dist"));
  await Deno.rename(join(place.path, "spawn.js"), join(dir.path, "dist", "spawn.js"));
  await Deno.writeTextFile(
    join(place.path, "spawn.js"),
    `export * from ${JSON.stringify(join(dir.path, "dist", "spawn.js"))};`,
  );
  assert.deepEqual(await spawned(place, `{ deno }`), { event: "done" });
  await place.nothingIsLeft();
});

Deno.test("a deno that is named must do", { ignore }, async () => {
  await using place = await Workplace.open();
  for (
    const [options, env, problem] of [
      [`{ deno: "/no/such/deno" }`, {}, /deno: \/no\/such\/deno: .*ENOENT/],
      [`{ deno: "/bin/true" }`, {}, /deno: \/bin\/true: it is no Deno/],
      [
        `{}`,
        { SNAKEDEN_DENO: "/bin/false" },
        /SNAKEDEN_DENO: \/bin\/false: it ended with status 1/,
      ],
    ] as const
  ) {
    const said = await spawned(place, `{ snakeden: folder, ...${options} }`, env);
    assert.equal(said.code, "startup_failed");
    assert.match(String(said.message), problem);
  }
});

Deno.test(
  "deno is taken from SNAKEDEN_DENO, then PATH, then npx, if it is not too old",
  { ignore },
  async () => {
    await using place = await Workplace.open();
    const old = { deno: 'echo "deno 2.8.9 (stable)"', npx: "exit 3" };
    const none = await programs(place.path, old);
    const failed = await spawned(place, `{ snakeden: folder }`, none);
    assert.match(String(failed.message), /no Deno was found; install Deno 2\.\d+\.\d+, or pass/);
    assert.match(
      String(failed.message),
      /deno: it is Deno 2\.8\.9; 2\.\d+\.\d+ or later is needed/,
    );
    assert.match(String(failed.message), /npx deno@2\.\d+\.\d+: it ended with status 3/);

    const done = { event: "done" };
    const named = { ...none, SNAKEDEN_DENO: DENO };
    assert.deepEqual(await spawned(place, `{ snakeden: folder }`, named), done);
    const onPath = await programs(place.path, { deno: `exec ${DENO} "$@"`, npx: "exit 3" });
    assert.deepEqual(await spawned(place, `{ snakeden: folder }`, onPath), done);
    // As npx would: the first two arguments are its own.
    const log = join(place.path, "npx_arguments");
    const npx = `echo "$1 $2" > ${log}; shift 2; exec ${DENO} "$@"`;
    const byNpx = await programs(place.path, { ...old, npx });
    assert.deepEqual(await spawned(place, `{ snakeden: folder }`, byNpx), done);
    const wanted = (await Deno.readTextFile(join(ROOT, ".dvmrc"))).trim();
    assert.equal((await Deno.readTextFile(log)).trim(), `-y deno@${wanted}`);
    await place.nothingIsLeft();
  },
);

Deno.test("a host has the permissions of deno task serve", async () => {
  const { command } = denoJson.tasks.serve;
  const text = await Deno.readTextFile(join(ROOT, "src/spawn/start_host.ts"));
  const [, list = ""] = /^const PERMISSIONS = \[\n([^\]]*)\]/m.exec(text) ?? [];
  const ours = [...list.matchAll(/"([^"]+)"/g)].map(([, flag = ""]) => flag);
  const theirs = command.split(/ (?=--)/).filter((it) =>
    /^--(?:no-prompt|allow-(?!write))/.test(it)
  );
  assert.deepEqual(ours, theirs);
  assert.match(command, /--allow-write="\/tmp,/);
  const [, heap = ""] = /^const LEAN_HEAP = "([^"]+)"/m.exec(text) ?? [];
  assert.ok(command.includes(` ${heap} `) && heap !== "", `${heap} in ${command}`);
});
