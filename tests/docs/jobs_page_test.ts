/** docs/jobs.md says what the code does: states, options, and errors that are not retried. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { isCurable } from "../../src/curable.ts";
import { callJobSchema } from "../../src/jobs/submission/mod.ts";
import { afterLoss, afterOutcome, firstStart } from "../../src/store/jobs/job_transition.ts";
import { JOB_STATES, type Outcome } from "../../src/store/mod.ts";
import { ROOT } from "../fixtures/host.ts";
import { snippetsOf } from "./markdown.ts";

const PAGE = await Deno.readTextFile(join(ROOT, "docs/jobs.md"));

/** Returns the text of a section, by its heading. */
function section(heading: string): string {
  const [, text = ""] = PAGE.split(`\n## ${heading}\n`);
  return text.split("\n## ")[0] ?? "";
}

/** Returns the code spans in the first cells of the rows of a table. */
function firstCells(text: string): string[] {
  return [...text.matchAll(/^\| ((?:`\w+`(?:, )?)+) +\|/gm)]
    .flatMap(([, cell = ""]) => [...cell.matchAll(/\w+/g)].map(([name]) => name));
}

/** Returns the arrows of the diagram, as "from to". */
function arrows(): Set<string> {
  const diagram = snippetsOf(section("States")).find(({ language }) => language === "mermaid");
  const found = [...(diagram?.text ?? "").matchAll(/^ {2}(\S+) --> ([^:\s]+)/gm)];
  return new Set(found.map(([, from, to]) => `${from} ${to}`));
}

Deno.test("docs/jobs.md draws every state, and every arrow out of running", () => {
  const drawn = arrows();
  const ends = [...drawn].flatMap((it) => it.split(" ")).filter((it) => it !== "[*]");
  assert.deepEqual(new Set(ends), new Set(JOB_STATES));
  assert.deepEqual(new Set(firstCells(section("States")).slice(0, 7)), new Set(JOB_STATES));

  const error = { code: "internal", message: "" };
  const outcomes: Outcome[] = [
    { type: "completed", result: new Uint8Array() },
    { type: "failed", error, retryInMs: 1 },
    { type: "failed", error, retryInMs: null },
    { type: "cancelled" },
    { type: "returned", hasBegun: true },
  ];
  const made = new Set<string>();
  for (const isCancelling of [false, true]) {
    for (const attempt of [1, 2]) {
      const job = { attempt, maxAttempts: 2, isCancelling };
      for (const it of outcomes) made.add(`running ${afterOutcome(it, job, 0).state}`);
      made.add(`running ${afterLoss({ ...job, run: 1 }).state}`);
    }
  }
  assert.deepEqual(new Set([...drawn].filter((it) => it.startsWith("running "))), made);

  const first = [{}, { start: { inMs: 1 } }].map((it) => `[*] ${firstStart(it, 0).state}`);
  assert.deepEqual(new Set([...drawn].filter((it) => it.startsWith("[*] "))), new Set(first));
});

Deno.test("docs/jobs.md lists every option of a submission", () => {
  const fields = Object.keys(callJobSchema.shape).filter((it) => it !== "tool" && it !== "args");
  assert.deepEqual(firstCells(section("Options")).toSorted(), fields.toSorted());
});

Deno.test("docs/jobs.md lists the errors that are not retried", async () => {
  const http = await Deno.readTextFile(join(ROOT, "docs/http.md"));
  const codes = [...http.matchAll(/^\| \d{3} +\| `(\w+)`/gm)].map(([, code = ""]) => code);
  assert.ok(codes.length > 40);
  const [, text = ""] = section("Attempts and retries").split("Not retried are ");
  const listed = [...(text.split(/\.\s+All\s+others/)[0] ?? "").matchAll(/`(\w+)`/g)]
    .map(([, code = ""]) => code);
  assert.deepEqual(listed.toSorted(), codes.filter((code) => !isCurable({ code })).toSorted());
});
