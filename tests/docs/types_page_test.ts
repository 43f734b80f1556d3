/** Follows docs/types.md: writes its files, generates the types, and runs its programs. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../scripts/dev_python.ts";
import { HostProcess, ROOT } from "../fixtures/host.ts";
import { Project } from "../fixtures/project.ts";
import { described, errorsIn } from "../types_gen/described.ts";
import { mypy } from "../types_gen/mypy.ts";

const PAGE = await Deno.readTextFile(join(ROOT, "docs/types.md"));

/** Returns the block after a line of the page. */
function blockAfter(line: string): string {
  const at = PAGE.indexOf(`\n${line}\n`);
  assert.ok(at >= 0, `the page has no line ${line}`);
  return /```\w+\n(.*?\n)```\n/s.exec(PAGE.slice(at))?.[1] ?? "";
}

Deno.test("docs/types.md shows a project that works, and lines that the compiler refuses", async () => {
  const names = ["texts.py", "snakeden.config.json", "main.ts"];
  await using project = await Project.create({
    ...Object.fromEntries(names.map((name) => [name, blockAfter(`\`${name}\`:`)])),
    "program.ts": blockAfter("`wrong.ts`:"),
  });
  assert.match(PAGE, /^deno task --cwd \.\.\/snakeden types$/m);
  await using task = new HostProcess(["task", "--cwd", ROOT, "types"], {
    cwd: project.path,
    // A task that runs in a task keeps the folder of the outer one.
    env: { SNAKEDEN_PYTHON: await devPython(), INIT_CWD: project.path },
  });
  const generated = await task.finished();
  assert.equal(generated.code, 0, generated.stderr);
  const run = await project.run("main.ts", { flags: ["-A"] });
  assert.equal(run.stdout, blockAfter("It prints:"), run.stderr);
  // One check of both programs; an error in main.ts fails in errorsIn().
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--no-lock", "--quiet", "main.ts", "program.ts"],
    cwd: project.path,
    env: { NO_COLOR: "1" },
  }).output();
  const lines = errorsIn(new TextDecoder().decode(stderr)).map(({ line }) => line);
  assert.deepEqual(lines, [6, 7, 8, 9]);
});

Deno.test("docs/types.md shows Python that mypy accepts", async () => {
  const program = blockAfter(
    "its modules. For a tool `lookup` that takes an integer `id` and returns a `name`:",
  );
  const lookup = described({
    name: "lookup",
    properties: { id: { type: "integer" } },
    outputSchema: {
      type: "object",
      properties: { name: { type: "string" } },
      required: ["name"],
    },
  });
  assert.deepEqual(await mypy([lookup], program), []);
  assert.deepEqual(await mypy([lookup], program.replace("id=3", 'id="3"')), [3]);
});
