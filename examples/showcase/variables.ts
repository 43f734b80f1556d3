import { runAsScript, type Snakeden, SnakedenError } from "snakeden";
import { OPTIONS } from "./showcase.ts";

/** Shares typed, versioned variables between TypeScript and Python. */
export async function variables(den: Snakeden): Promise<void> {
  await using cleanup = new AsyncDisposableStack();
  const session = await den.sessions.open("showcase-room", { ttlMs: 60_000 });
  cleanup.defer(async () => void await den.sessions.delete("showcase-room"));
  await session.variables.set("temperature", 20.5, { constraints: { min: 0, max: 30 } });

  const heated = await den.execute("heat", { by: 1.5 }, { sessionId: "showcase-room" });
  console.log("heated by Python:", heated);
  const { value, version } = await session.variables.get<number>("temperature");
  console.log(`read by TypeScript: ${value}, version ${version}`);

  for (
    const [what, write] of [
      ["too warm", () => session.variables.set("temperature", 99)],
      ["an old version", () => session.variables.set("temperature", 21, { ifVersion: 1 })],
    ] as const
  ) {
    try {
      await write();
    } catch (error) {
      if (!(error instanceof SnakedenError)) throw error;
      console.log(`${what}: ${error.code}`);
    }
  }
}

if (import.meta.main) await runAsScript(variables, OPTIONS);
