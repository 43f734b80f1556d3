/**
 * Follows docs/library.md word for word, from an empty folder: writes the files that it shows, runs
 * its commands, and compares what they print.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../scripts/dev_python.ts";
import { ROOT, workersOf } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const PAGE = await Deno.readTextFile(join(ROOT, "docs/library.md"));

/** A step that the page asks for. */
type Step =
  | { readonly type: "file"; readonly name: string; readonly text: string }
  | { readonly type: "run"; readonly command: string }
  | { readonly type: "prints"; readonly text: string };

/**
 * Reads the steps: a fence after a line "`name`:" is a file, a fence of the language `sh` holds
 * commands, and a fence after "prints:" is what the last command prints. "Run `command`" in the
 * paragraph before it names that command.
 */
function stepsOf(page: string): Step[] {
  const steps: Step[] = [];
  const fences = /([^\n]*(?:\n[^\n]+)*)\n\n```(\w*)([^\n]*)\n(.*?)\n```\n/gs;
  for (const [, above = "", language, options = "", text = ""] of page.matchAll(fences)) {
    const before = above.trim();
    const [, name] = /^`([\w.]+)`:$/.exec(before) ?? [];
    if (options !== "") continue;
    if (name !== undefined) steps.push({ type: "file", name, text: `${text}\n` });
    else if (language === "sh") steps.push({ type: "run", command: text });
    else if (before.endsWith("prints:")) {
      const [, command] = /Run `([^`]+)`/.exec(before) ?? [];
      if (command !== undefined) steps.push({ type: "run", command });
      steps.push({ type: "prints", text: `${text}\n` });
    }
  }
  return steps;
}

/** The folder of the page, with a home of its own. */
interface Workplace extends AsyncDisposable {
  readonly app: string;
  readonly env: Record<string, string>;
}

async function workplace(): Promise<Workplace> {
  const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "snakeden-page-" }));
  const app = join(path, "my-app");
  await Deno.mkdir(app);
  await Deno.mkdir(join(path, "home"));
  await Deno.symlink(ROOT, join(path, "snakeden"));
  const info = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { denoDir } = JSON.parse(new TextDecoder().decode(info.stdout));
  return {
    app,
    env: {
      PATH: Deno.env.get("PATH") ?? "",
      HOME: join(path, "home"),
      NO_COLOR: "1",
      // What would take minutes is there already: npm packages and a Python with its packages.
      DENO_DIR: denoDir,
      SNAKEDEN_PYTHON: await devPython(),
    },
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

/** A shell command in the folder of the page. */
function shell({ app, env }: Workplace, command: string): Deno.Command {
  return new Deno.Command("sh", {
    args: ["-c", command],
    cwd: app,
    env,
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

Deno.test("docs/library.md can be followed word for word from an empty folder", async (t) => {
  const steps = stepsOf(PAGE);
  assert.ok(
    steps.filter(({ type }) => type === "prints").length >= 4,
    "the page is not understood",
  );
  await using place = await workplace();
  let [stdout, stderr] = ["", ""];
  for (const step of steps) {
    if (step.type === "file") {
      await Deno.writeTextFile(join(place.app, step.name), step.text);
      if (step.name === "service.ts") await t.step("service.ts", () => followService(place));
      continue;
    }
    if (step.type === "prints") {
      assert.equal(stdout, step.text, stderr);
      continue;
    }
    await t.step(step.command, async () => {
      const output = await shell(place, step.command).output();
      stdout = new TextDecoder().decode(output.stdout);
      stderr = new TextDecoder().decode(output.stderr);
      assert.equal(output.code, 0, `${stdout}\n${stderr}`);
      if (step.command.includes("SNAKEDEN_LOG_LEVEL=info")) {
        assert.match(stderr, /^snakeden: default-1 is ready/m);
      } else assert.doesNotMatch(stderr, /^snakeden: warning/m);
    });
  }
  assert.equal(workersOf({ connect: join(place.app, ".snakeden") }).length, 0);
});

/** Runs the service of the page, calls it, and stops it as a supervisor would. */
async function followService(place: Workplace): Promise<void> {
  assert.match(PAGE, /`deno task service` runs it/);
  const service = shell(place, "exec deno task service").spawn();
  let output = "";
  const reading = [service.stdout, service.stderr].map(async (stream) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) output += text;
  });
  try {
    const url = await until(
      () => /Listening on (http:\/\/\S+)/.exec(output)?.[1],
      "the service to listen",
      { timeoutMs: 60_000 },
    );
    const answer = await fetch(`${url}?text=a%20good%20day`);
    assert.equal(await answer.json(), "happy");
  } finally {
    service.kill("SIGTERM");
    const { code } = await service.status;
    await Promise.all(reading);
    assert.equal(code, 0, output);
    assert.doesNotMatch(output, /legacy|warning/i);
  }
}

Deno.test("docs/library.md: an import map does the same as links", async () => {
  assert.match(PAGE, /`"imports": \{ "snakeden": "\.\.\/snakeden\/mod\.ts" \}`/);
  await using place = await workplace();
  const steps = stepsOf(PAGE);
  const files = steps.filter((it) => it.type === "file");
  const denoJson = JSON.parse(files.find(({ name }) => name === "deno.json")?.text ?? "");
  const { links: _, ...rest } = denoJson;
  const imports = { snakeden: "../snakeden/mod.ts", zod: "npm:zod@4.6.7" };
  await Deno.writeTextFile(join(place.app, "deno.json"), JSON.stringify({ ...rest, imports }));
  const main = files.find(({ name }) => name === "main.ts")?.text ?? "";
  await Deno.writeTextFile(join(place.app, "main.ts"), main);
  const output = await shell(place, "deno check main.ts && deno task start").output();
  assert.equal(new TextDecoder().decode(output.stdout), "5\n");
});
