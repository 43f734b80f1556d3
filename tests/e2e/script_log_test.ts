/** Tests the messages of workers and of the host that a script prints, in a project of a user. */
import assert from "node:assert/strict";
import { Project } from "../fixtures/project.ts";

const ADAPTER = `
import logging
from snakeden import tool

@tool
def classify(text: str) -> str:
    print("classifying", text)
    logging.getLogger("texts").warning("no model")
    logging.getLogger("texts").debug("not even a small one")
    return "happy"
`;

const MAIN = `
import { configureLogging, runAsScript } from "snakeden";
if (Deno.args.includes("own-log")) configureLogging({ level: "info", format: "json" });
const pools = [{ name: "default", size: 1, adapter: "texts", tools: { clasify: { retry: {} } } }];
console.log(await runAsScript((den) => den.execute("classify", { text: "a day" }), { pools }));
`;

const FILES = {
  "main.ts": MAIN,
  "own_log.ts": `Deno.args.push("own-log"); await import("./main.ts");`,
  "texts.py": ADAPTER,
};

function lines(text: string): string[] {
  return text.split("\n").filter((it) => it !== "").sort();
}

Deno.test("runAsScript() shows output of tools and every warning on standard error, and nothing else", async () => {
  await using project = await Project.create(FILES);
  const { stdout, stderr } = await project.run("main.ts", { flags: ["-A"] });
  assert.equal(stdout, "happy\n");
  assert.deepEqual(lines(stderr), [
    "default-1 | WARNING texts: no model",
    "default-1 | classifying a day",
    'snakeden: warning: pool default has policies for clasify, but no such tool; did you mean "classify"?',
  ]);
});

Deno.test("runAsScript() obeys SNAKEDEN_LOG_LEVEL and SNAKEDEN_LOG_FORMAT", async () => {
  await using project = await Project.create(FILES);
  const run = async (env: Record<string, string>): Promise<string> =>
    (await project.run("main.ts", { flags: ["-A"], env })).stderr;
  assert.equal(await run({ SNAKEDEN_LOG_LEVEL: "error" }), "");
  assert.deepEqual(lines(await run({ SNAKEDEN_LOG_LEVEL: "warning" })), [
    "default-1 | WARNING texts: no model",
    'snakeden: warning: pool default has policies for clasify, but no such tool; did you mean "classify"?',
  ]);
  const info = lines(await run({ SNAKEDEN_LOG_LEVEL: "info", SNAKEDEN_LOG_FORMAT: "json" }));
  const entries = info.map((line) => JSON.parse(line));
  assert.ok(entries.some(({ category, message }) => category === "pool" && /ready/.test(message)));
  assert.ok(
    entries.some(({ category, line }) => category === "worker" && line === "classifying a day"),
  );
});

Deno.test("runAsScript() leaves the log to a program that has configured it", async () => {
  await using project = await Project.create(FILES);
  const { stderr } = await project.run("own_log.ts", { flags: ["-A"] });
  const entries = lines(stderr).map((line) => JSON.parse(line));
  assert.ok(entries.some(({ message }) => /default-1 is ready/.test(message)), stderr);
});

Deno.test("runAsScript() warns on standard error that it ignores a wrong SNAKEDEN_SCRIPT_EXIT", async () => {
  await using project = await Project.create(FILES);
  const env = { SNAKEDEN_SCRIPT_EXIT: "sometimes" };
  const { stdout, stderr } = await project.run("main.ts", { flags: ["-A"], env });
  assert.equal(stdout, "happy\n");
  assert.match(
    stderr,
    /^snakeden: warning: ignoring SNAKEDEN_SCRIPT_EXIT=sometimes; allowed: none, exit, auto$/m,
  );
});

Deno.test("runAsScript() follows its exit mode even if the configuration is wrong", async () => {
  const main = `import { runAsScript } from "snakeden";
await runAsScript(() => {}, { onShutdown: ({ step }) => console.log(step) }).catch(() => {});
console.log("still here");`;
  await using project = await Project.create({ "main.ts": main });
  const run = (exitMode: string): ReturnType<Project["run"]> =>
    project.run("main.ts", {
      flags: ["-A"],
      env: { SNAKEDEN_SCRIPT_EXIT: exitMode, SNAKEDEN_PORT: "http" },
    });
  const exits = await run("exit");
  assert.equal(exits.code, 1);
  assert.equal(exits.stdout, "start\nstop\ncleanup\nexit\n");
  assert.match(exits.stderr, /port: given "http" \(from SNAKEDEN_PORT\)/);
  assert.match((await run("none")).stdout, /still here/);
});

Deno.test("runAsScript() refuses a wrong SNAKEDEN_LOG_LEVEL by its name", async () => {
  await using project = await Project.create(FILES);
  const env = { SNAKEDEN_LOG_LEVEL: "loud" };
  const { code, stderr } = await project.run("main.ts", { flags: ["-A"], env });
  assert.equal(code, 1);
  assert.match(stderr, /logLevel: given "loud" \(from SNAKEDEN_LOG_LEVEL\); allowed: debug, info/);
});
