import assert from "node:assert/strict";
import { ROOT } from "../fixtures/host.ts";

/**
 * Runs a shell command line as process 1 of a new namespace. Returns null if that is not allowed.
 */
async function asFirst(line: string, ...args: string[]): Promise<string | null> {
  const unshare = ["--pid", "--fork", "--mount-proc", "--kill-child"];
  try {
    const { success, stdout } = await new Deno.Command("unshare", {
      args: [...unshare, "sh", "-c", line, "sh", ...args],
      cwd: ROOT,
      stdin: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : null;
  } catch {
    return null;
  }
}

const isAble = await asFirst("echo $$") === "1";
const PROGRAM = `import { isDenoFirst } from "./src/process/mod.ts";
  console.log(await isDenoFirst());`;

for (
  const [what, line, expected] of [
    ["true for a Deno that is process 1", 'exec "$@"', "true"],
    ["true below a Deno that is process 1", 'exec "$1" eval "$4" "$1" "$3"', "true"],
    ["false below a shell that is process 1", '"$@"; true', "false"],
  ] as const
) {
  Deno.test({
    name: `isDenoFirst() is ${what}${isAble ? "" : " (skipped: no right to make a namespace)"}`,
    ignore: !isAble,
    fn: async () => {
      const around = `const [deno, program] = Deno.args;
        const args = ["eval", program];
        await new Deno.Command(deno, { args }).spawn().status;`;
      const args = [Deno.execPath(), "eval", PROGRAM];
      const more = what.includes("below a Deno") ? [around] : [];
      assert.equal(await asFirst(line, ...args, ...more), expected);
    },
  });
}
