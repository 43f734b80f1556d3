/** Tests of launches: what reaches the program, and the errors of what cannot be started. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { InvalidInputError } from "../../../src/errors.ts";
import { GuardLaunchError } from "../../../src/process/mod.ts";
import { guardPython, startGuard } from "../../fixtures/processes/guarded.ts";

const SHOW = `
import json, os, resource, signal, sys
json.dump({
    "args": sys.argv[1:],
    "env": dict(os.environ),
    "cwd": os.getcwd(),
    "files": sorted(int(it) for it in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{it}")),
    "leads": [os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid()],
    "openFiles": resource.getrlimit(resource.RLIMIT_NOFILE),
    "fileBytes": resource.getrlimit(resource.RLIMIT_FSIZE),
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "mask": list(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "ignored": [line for line in open("/proc/self/status") if line.startswith("SigIgn")],
}, sys.stdout)
`;

Deno.test("Guard.launch() runs a program with these arguments, environment, folder and limits", async () => {
  await using at = await startGuard();
  const args = ["", "a b", "two\nlines", "ü\u{1F40D}", "-c"];
  // -I: otherwise Python itself adds LC_CTYPE to its environment.
  const it = await at.launch([await guardPython(), "-X", "utf8", "-S", "-c", SHOW, ...args], {
    env: { LANG: "C.UTF-8", "ODD name": "x=\n" },
    limits: { openFiles: 77, fileBytes: 1_000_000 },
  });
  const end = await it.process.ended;
  assert.deepEqual(end.exit, { code: 0 }, it.stderr());
  const said = JSON.parse(it.stdout());
  assert.deepEqual(said.args, args);
  assert.match(said.env.SNAKEDEN_RUN_ID, /^[0-9a-f]{32}$/);
  assert.deepEqual(Object.keys(said.env).sort(), [
    "LANG",
    "ODD name",
    "PATH",
    "SNAKEDEN_LAUNCH_ID",
    "SNAKEDEN_RUN_ID",
  ]);
  assert.equal(said.env["ODD name"], "x=\n");
  assert.equal(said.cwd, at.folder);
  assert.deepEqual(said.files, [0, 1, 2]);
  assert.deepEqual(said.leads, [true, true]);
  assert.deepEqual(said.openFiles, [77, 77]);
  assert.deepEqual(said.fileBytes, [1_000_000, 1_000_000]);
  assert.deepEqual(said.core, [0, 0]);
  assert.deepEqual(said.mask, []);
});

Deno.test("Guard.launch() resets the signals that Python ignores", async () => {
  await using at = await startGuard();
  const it = await at.shell("grep SigIgn /proc/self/status; grep SigBlk /proc/self/status");
  await it.process.ended;
  // Signals 32 and 33 belong to the C library, which lets nobody set them; they may be inherited.
  assert.match(it.stdout(), /^SigIgn:\s+0+[01][08]0{7}\nSigBlk:\s+0+\n$/);
});

Deno.test("Guard.launch() hands on arguments of 1 MB together, and names one that is too long", async () => {
  await using at = await startGuard();
  const args = Array.from({ length: 10 }, (_, i) => `${i}\n`.repeat(50_000));
  const it = await at.shell('printf "%s" "$@" | wc -c', {});
  await it.process.ended;
  const long = await at.launch(["/bin/sh", "-c", 'printf "%s" "$@" | wc -c', "sh", ...args]);
  assert.deepEqual((await long.process.ended).exit, { code: 0 });
  assert.equal(long.stdout().trim(), String(args.join("").length));
  await assert.rejects(
    at.launch(["/bin/echo", "short", "x".repeat(1_000_000)]),
    (error: unknown) => {
      assert.ok(error instanceof GuardLaunchError);
      assert.deepEqual([error.step, error.code], ["program", "E2BIG"]);
      assert.equal(
        error.message,
        "Cannot start /bin/echo: argument 2 has 1000000 bytes; 131071 are allowed in one",
      );
      return true;
    },
  );
  await assert.rejects(
    at.launch(["/bin/echo", ...Array.from({ length: 100 }, () => "x".repeat(100_000))]),
    /arguments and environment have 100\d\d\d\d\d bytes together, more than the system takes/,
  );
});

Deno.test("Guard.launch() says why a program cannot be started", async () => {
  await using at = await startGuard();
  const path = (name: string): string => join(at.folder, name);
  await Deno.writeTextFile(path("plain"), "text", { mode: 0o644 });
  await Deno.writeTextFile(path("odd"), "text\n", { mode: 0o755 });
  await Deno.writeTextFile(path("orphan"), "#!/nonexistent/python\n", { mode: 0o755 });
  await Deno.symlink("/nonexistent", path("link"));
  const cases: readonly (readonly [program: string, reason: RegExp, code: string])[] = [
    [path("missing"), /missing: it does not exist$/, "ENOENT"],
    [at.folder, /work: it is a directory$/, "EACCES"],
    [path("plain"), /plain: it is not executable$/, "EACCES"],
    ["/dev/null", /null: it is not a file$/, "EACCES"],
    [path("odd"), /odd: it is neither a program of this system, nor a script with/, "ENOEXEC"],
    [path("orphan"), /orphan: the interpreter in its first line, or/, "ENOENT"],
    [path("link"), /link: the interpreter in its first line, or the target of its link/, "ENOENT"],
    [`${path("plain")}/x`, /x: not a directory$/, "ENOTDIR"],
  ];
  for (const [program, reason, code] of cases) {
    await assert.rejects(at.launch([program]), (error: unknown) => {
      assert.ok(error instanceof GuardLaunchError);
      assert.match(error.message, reason);
      assert.deepEqual([error.step, error.code], ["program", code]);
      return true;
    });
  }
  assert.equal(at.guard.running, 0);
});

Deno.test("Guard.launch() says why a folder cannot be entered", async () => {
  await using at = await startGuard();
  const gone = join(at.folder, "gone");
  await assert.rejects(at.launch(["/bin/true"], { cwd: gone }), (error: unknown) => {
    assert.ok(error instanceof GuardLaunchError);
    assert.equal(error.message, `Cannot start /bin/true in ${gone}: it does not exist`);
    assert.deepEqual([error.step, error.code], ["cwd", "ENOENT"]);
    return true;
  });
  await Deno.writeTextFile(gone, "");
  await assert.rejects(at.launch(["/bin/true"], { cwd: gone }), /gone: it is not a directory$/);
});

Deno.test("Guard.launch() goes on when the folder is removed while the program runs", async () => {
  await using at = await startGuard();
  const it = await at.shell('echo at $$; read line; rmdir "$PWD" && cd / && echo left', {
    stdin: new TextEncoder().encode("go\n"),
  });
  assert.deepEqual((await it.process.ended).exit, { code: 0 });
  assert.match(it.stdout(), /left\n$/);
  await Deno.mkdir(at.folder);
});

Deno.test("Guard.launch() refuses what no program can get, and names the field", async () => {
  await using at = await startGuard();
  const cases: readonly (readonly [Promise<unknown>, string])[] = [
    [at.launch(["/bin/echo", "a", "b\0c"]), "command[2]"],
    [at.launch(["/bin/ec\0ho"]), "command[0]"],
    [at.launch(["bin/echo"]), "command[0]"],
    [at.launch(["/bin/echo"], { cwd: "/\0" }), "cwd"],
    [at.launch(["/bin/echo"], { env: { A: "x\0" } }), "env.A"],
    [at.launch(["/bin/echo"], { env: { "A=B": "x" } }), "env"],
    [at.launch(["/bin/echo"], { env: { "": "x" } }), "env"],
  ];
  for (const [launched, path] of cases) {
    await assert.rejects(launched, (error: unknown) => {
      assert.ok(error instanceof InvalidInputError);
      assert.deepEqual(error.issues.map((it) => it.path), [path]);
      return true;
    });
  }
});

Deno.test("GuardedProcess.ended names the signal that ended the program", async () => {
  await using at = await startGuard();
  for (const signal of ["SEGV", "USR1", "PIPE", "KILL"]) {
    const it = await at.shell(`kill -${signal} $$`);
    const end = await it.process.ended;
    assert.deepEqual([end.exit, end.cause], [{ signal: `SIG${signal}` }, "exited"]);
  }
});
