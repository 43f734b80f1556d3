import { setTimeout as delay } from "node:timers/promises";

/** Waits until `check` answers something else than false or null; fails after a minute. */
export async function until<T>(what: string, check: () => Promise<T> | T): Promise<NonNullable<T>> {
  const end = performance.now() + 60_000;
  while (performance.now() < end) {
    const value = await check();
    if (value !== false && value !== null && value !== undefined) return value;
    await delay(20);
  }
  throw new Error(`not within 60 s: ${what}`);
}

/** The text of the file at `path` once it is there and not empty. */
export function untilText(path: string): Promise<string> {
  return until(`text in ${path}`, async () => {
    try {
      return await Deno.readTextFile(path) || null;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  });
}

/** Waits until the process is gone; a zombie counts as gone. */
export async function untilDead(pid: number): Promise<void> {
  await until(`process ${pid} gone`, async () => {
    const ps = new Deno.Command("ps", {
      args: ["-o", "stat=", "-p", String(pid)],
      stdout: "piped",
    });
    const state = new TextDecoder().decode((await ps.output()).stdout).trim();
    return state === "" || state.startsWith("Z");
  });
}
