import { runAsScript, type Snakeden } from "snakeden";
import { OPTIONS } from "./showcase.ts";

/** Keeps notes in two sessions, each of which sees its own. */
export async function sessions(den: Snakeden): Promise<void> {
  await using cleanup = new AsyncDisposableStack();
  for (const id of ["showcase-ada", "showcase-bob"]) {
    await den.sessions.open(id, { ttlMs: 60_000 });
    cleanup.defer(async () => void await den.sessions.delete(id));
  }
  const remember = (sessionId: string, note: string) =>
    den.execute<string[]>("remember", { note }, { sessionId });
  await remember("showcase-ada", "buy milk");
  console.log("ada:", await remember("showcase-ada", "read"));
  console.log("bob:", await remember("showcase-bob", "sleep"));
}

if (import.meta.main) await runAsScript(sessions, OPTIONS);
