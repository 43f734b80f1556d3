import assert from "node:assert/strict";
import { jobErrorOf } from "../../../src/jobs/failures/mod.ts";
import { LimitExceededError, SnakedenError, WorkerCrashedError } from "../../../src/errors.ts";
import { jobClient } from "./job_client.ts";

const EXIT = { exitCode: 3, signal: null, lastOutput: ["the secret"] };
const OUTPUT = "; last output: the secret";

const ERRORS = [
  new WorkerCrashedError("The worker ended", EXIT, {}, { output: OUTPUT }),
  new LimitExceededError("out_of_memory", "The worker ended", EXIT, { limit: 1 }, OUTPUT),
  new SnakedenError("worker_start_failed", "The worker ended", { output: OUTPUT }),
  // Details that are too long to be kept.
  new WorkerCrashedError("The worker ended", EXIT, { a: "x".repeat(100_000) }, { output: OUTPUT }),
];

for (const error of ERRORS) {
  for (const output of [true, false]) {
    const what = output ? "shows" : "hides";
    Deno.test(`every route of jobs ${what} the output in ${error.name} with errors.output: ${output} (${error.code}, ${Object.keys(error.details)})`, async () => {
      await using jobs = jobClient({ config: { errors: { output } } });
      const id = await jobs.submit({ tool: "add" });
      await jobs.fail(await jobs.claim(), jobErrorOf(error));
      const paths = [
        "/v1/jobs",
        `/v1/jobs/${id}`,
        `/v1/jobs/${id}/result`,
        `/v1/jobs/${id}/events`,
      ];
      for (const path of paths) {
        const { body } = await jobs.send("GET", path);
        const text = typeof body === "string" ? body : JSON.stringify(body);
        assert.equal(text.includes("The worker ended"), true, `${path}: ${text}`);
        assert.equal(text.includes("the secret"), output, `${path}: ${text}`);
        assert.equal(text.includes('"summary"'), false, `${path}: ${text}`);
      }
      const { body } = await jobs.send("GET", `/v1/jobs/${id}`);
      assert.equal(body.error.message, output ? error.message : error.summary);
      const { body: problem } = await jobs.send("GET", `/v1/jobs/${id}/result`);
      assert.equal(problem.detail, output ? error.message : error.summary);
    });
  }
}
