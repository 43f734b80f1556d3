/** The modules that a worker loads. Each costs time at its start, and memory in each process. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startDen, tempDir } from "../fixtures/host.ts";

const PLAIN = `import sys

from snakeden import tool

thread_safe = True


@tool
def loaded(name: str) -> bool:
    """Return whether a module is loaded."""
    return name in sys.modules
`;
const ASYNCHRONOUS = `${PLAIN}

@tool
async def pause() -> None:
    """Do nothing, on the event loop."""
`;

for (const profile of ["process", "thread"] as const) {
  for (const launcher of ["spawn", "prefork"] as const) {
    Deno.test(`a worker loads asyncio before its first call if a tool needs it, or shares that of its template (${profile}, ${launcher})`, async () => {
      await using dir = await tempDir();
      await Deno.writeTextFile(join(dir.path, "plain.py"), PLAIN);
      await Deno.writeTextFile(join(dir.path, "asynchronous.py"), ASYNCHRONOUS);
      const rest = { profile, launcher, modulePaths: [dir.path], size: 1 };
      const pools = ["plain", "asynchronous"].map((name) => ({ ...rest, name, adapter: name }));
      await using den = await startDen({}, { pools });
      const isLoaded = (pool: string, name = "asyncio"): Promise<unknown> =>
        den.execute("loaded", { name }, { pool });
      assert.equal(await isLoaded("plain", "snakeden"), true);
      assert.equal(await isLoaded("plain"), launcher === "prefork");
      assert.equal(await isLoaded("asynchronous"), true);
      assert.equal(await den.execute("pause", {}), null);
    });
  }
}
