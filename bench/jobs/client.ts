/** The client of the workload `jobs`: a process that submits lines of jobs over HTTP. */
import process from "node:process";
import { type JobLinesCommand, serveCommands } from "../commands.ts";
import type { Figures } from "../measure.ts";

const NEWLINE = 10;
/** The bytes of one write of the body. */
const WRITE_BYTES = 65_536;

async function run({ port, path, body, jobs }: JobLinesCommand): Promise<Figures> {
  const lines = new TextEncoder().encode(`${body}\n`.repeat(Math.ceil(WRITE_BYTES / body.length)));
  const line = lines.length / Math.ceil(WRITE_BYTES / body.length);
  let rest = jobs * line;
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller): void {
      controller.enqueue(lines.slice(0, Math.min(lines.length, rest)));
      rest -= lines.length;
      if (rest <= 0) controller.close();
    },
  });
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: source,
  });
  let answers = 0;
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    for (const byte of chunk) if (byte === NEWLINE) answers++;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  if (!response.ok || answers < jobs) {
    throw new Error(`status ${response.status}, ${answers} answers to ${jobs} lines`);
  }
  const { user, system } = process.cpuUsage(before);
  return {
    perSecond: jobs / seconds,
    answerBytes: bytes / jobs,
    loadCpuPercent: 100 * (user + system) / (seconds * 1e6),
  };
}

if (import.meta.main) await serveCommands({ pids: [], figures: {} }, run);
