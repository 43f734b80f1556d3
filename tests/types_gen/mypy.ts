/** Checks a Python program beside the types of host tools. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../scripts/dev_python.ts";
import { type DescribedTool, hostToolStubs } from "../../src/types_gen/mod.ts";

/** The part of the package that the stubs import. */
const PACKAGE = `
from typing import Any

class Call:
    tools: Any

def current_call() -> Call: ...
`;

/** Returns the lines of a program in which mypy finds errors; fails if the stubs have one. */
export async function mypy(tools: readonly DescribedTool[], program: string): Promise<number[]> {
  const folder = await Deno.makeTempDir({ prefix: "snakeden-stubs-" });
  try {
    await Deno.mkdir(join(folder, "snakeden"));
    await Deno.writeTextFile(join(folder, "snakeden/__init__.pyi"), PACKAGE);
    await Deno.writeTextFile(join(folder, "snakeden_host_tools.py"), hostToolStubs(tools));
    await Deno.writeTextFile(join(folder, "program.py"), program);
    const { stdout, stderr } = await new Deno.Command(await devPython(), {
      args: ["-m", "mypy", "--strict", "--python-version=3.10", "--no-incremental", "program.py"],
      cwd: folder,
      env: { MYPYPATH: folder },
    }).output();
    const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert.match(output, /^(?:Success|Found \d)/m, output);
    return [...output.matchAll(/^(\S+?):(\d+): error/gm)].map(([, file, line]) => {
      assert.equal(file, "program.py", output);
      return Number(line);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
