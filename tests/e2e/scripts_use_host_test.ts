/** Tests programs of both languages that use a host with the token of their job. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../scripts/dev_python.ts";
import { type HeldDen, serveHeld } from "../fixtures/held_den.ts";
import { ROOT, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";
import { runProgram } from "../scripting/script_process.ts";

function variablesOf({ url, token, jobId }: HeldDen): Record<string, string> {
  return { SNAKEDEN_URL: url, SNAKEDEN_TOKEN: token, SNAKEDEN_JOB_ID: jobId };
}

/** Runs Python text in an interpreter without packages, as a script of any environment may be. */
async function runPython(
  text: string,
  { env, isBare = true }: { readonly env: Record<string, string>; readonly isBare?: boolean },
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  await using dir = await tempDir();
  const file = join(dir.path, "program.py");
  await Deno.writeTextFile(file, text);
  const { code, stdout, stderr } = await new Deno.Command(await devPython(), {
    args: [...(isBare ? ["-S"] : []), "-u", file],
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin", PYTHONPATH: join(ROOT, "python/src"), ...env },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("a TypeScript program uses its host with no setting", async () => {
  await using on = await serveHeld();
  const { code, stdout, stderr } = await runProgram(
    `import { connect, progress, SnakedenError } from "snakeden";
     await using den = connect();
     const sum = await den.execute<number>("add", { a: 2, b: 3 });
     const chunks = [];
     for await (const it of den.stream<number>("counter", { n: 3 })) chunks.push(it);
     progress({ sum });
     const job = await den.jobs.submit({ tool: "add", args: { a: 1, b: 1 } });
     const child = await job.result<number>();
     const { parentId } = await den.jobs.get(job.id);
     const code = await den.pools.list().catch((error) => (error as SnakedenError).code);
     console.log(JSON.stringify({ sum, chunks, child, parentId, code }));`,
    { env: variablesOf(on), flags: ["--allow-net", "--allow-env=SNAKEDEN_*", "--allow-read"] },
  );
  assert.equal(code, 0, stderr);
  const [first = "", last = ""] = stdout.split("\n");
  assert.equal(first, '::snakeden progress {"sum":5}');
  assert.deepEqual(JSON.parse(last), {
    sum: 5,
    chunks: [0, 1, 2],
    child: 2,
    parentId: on.jobId,
    code: "forbidden",
  });
});

const USES_ALL = `
import concurrent.futures, json, snakeden

with snakeden.connect() as den:
    assert den.execute("add", a=2, b=3) == 5
    assert den.execute("echo", {"value": {"b": b"\\x00", "n": 2**60, "$snakeden": 1}})["n"] == 2**60
    with den.stream("counter", n=3) as stream:
        assert list(stream) == [0, 1, 2]
    # One that is left early.
    with den.stream("counter", n=1_000_000, delay=0.01) as stream:
        assert next(stream) == 0
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        sums = list(threads.map(lambda n: den.execute("add", a=n, b=n), range(20)))
    assert sums == [2 * n for n in range(20)], sums
    assert "add" in [it["name"] for it in den.tools()]
    file = den.add_file(b"a,b\\n1,2\\n", "t.csv")
    assert den.read_file(file) == b"a,b\\n1,2\\n"
    job = den.jobs.submit("add", {"a": 1, "b": 1}, max_attempts=1, tags=["x"])
    assert job.result() == 2
    assert job.get()["parentId"] == $JOB and job.get()["maxAttempts"] == 1
    batch = den.jobs.submit("add", kind="batch", inputs=[{"a": n, "b": 1} for n in range(3)])
    assert sorted(it["result"] for it in batch.result()) == [1, 2, 3]
    late = den.jobs.submit("add", delay_ms=3_600_000)
    assert late.wait(timeout=0.05)["state"] == "scheduled"
    assert late.cancel("not needed")["state"] == "cancelled"
    codes = []
    for act in (
        lambda: den.execute("ad", a=1),
        lambda: den.execute("add", a="x", b=1),
        lambda: den.options(timeout_ms=50).execute("sleep", seconds=60),
        lambda: den.jobs.get("other"),
        lambda: list(den.stream("no_such_tool")),
        lambda: late.result(),
    ):
        try:
            act()
        except snakeden.RequestError as error:
            assert error.request_id, error
            codes.append(error.code)
            if error.code == "invalid_arguments":
                assert [it.path for it in error.issues] == ["args.a"], error.issues
    snakeden.result(codes)
`;

Deno.test("a Python program uses its host with no setting, in an interpreter without packages", async () => {
  await using on = await serveHeld();
  const text = USES_ALL.replace("$JOB", JSON.stringify(on.jobId));
  const { code, stdout, stderr } = await runPython(text, { env: variablesOf(on) });
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), [
    "unknown_tool",
    "invalid_arguments",
    "deadline_exceeded",
    "unknown_job",
    "unknown_tool",
    "cancelled",
  ]);
});

Deno.test("a Python program sends and gets arrays of numpy", async () => {
  await using on = await serveHeld();
  const { code, stderr } = await runPython(
    `import numpy, snakeden
given = numpy.arange(6, dtype="<f4").reshape(2, 3)
with snakeden.connect() as den:
    back = den.execute("echo", value=given)
assert back.dtype == given.dtype and back.shape == (2, 3) and (back == given).all(), back
`,
    { env: variablesOf(on), isBare: false },
  );
  assert.equal(code, 0, stderr);
});

Deno.test("a Python program whose attempt has ended is told so", async () => {
  await using on = await serveHeld();
  const env = variablesOf(on);
  const running = runPython(
    `import snakeden
den = snakeden.connect()
try:
    den.options(timeout_ms=3_600_000).execute("sleep", seconds=3600)
except snakeden.RequestError as error:
    print(error.code)
try:
    den.execute("add", a=1, b=1)
except snakeden.RequestError as error:
    print(error.code)
`,
    { env },
  );
  const busy = (): boolean => on.den.workers.list().some((it) => it.state === "busy");
  await until(busy, "the call to run");
  on.end();
  const { stdout, stderr } = await running;
  assert.equal(stdout, "cancelled\nunauthenticated\n", stderr);
});
