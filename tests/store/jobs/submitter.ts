import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { JobDriver, JobPlace } from "./conformance.ts";

const SCRIPT = fileURLToPath(new URL("../../fixtures/processes/submit_jobs.ts", import.meta.url));

/** A process that submits jobs one after the other, and prints the id of each that was answered. */
export interface Submitter {
  /** Kills it with SIGKILL once so many were answered. Returns the ids of all that were. */
  killAfter(count: number): Promise<readonly string[]>;
}

/** Starts a {@link Submitter} at a place that nobody has open. */
export function startSubmitter({ durable }: JobDriver, { path }: JobPlace): Submitter {
  assert.ok(durable);
  const { module } = durable;
  const config = fileURLToPath(new URL("../../../deno.json", import.meta.url));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `--config=${config}`, "--no-lock", SCRIPT, module, path],
    stdout: "piped",
    stdin: "null",
  }).spawn();
  return {
    async killAfter(count): Promise<readonly string[]> {
      let text = "";
      for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
        text += part;
        if (text.split("\n").length > count) child.kill("SIGKILL");
      }
      const { signal } = await child.status;
      assert.equal(signal, "SIGKILL", `the process ended by itself, with ${JSON.stringify(text)}`);
      return text.split("\n").slice(0, -1);
    },
  };
}
