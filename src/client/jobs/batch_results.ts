import { Backoff } from "../../async/mod.ts";
import { SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { connectionLost } from "../http/mod.ts";
import type { BatchResult, BatchResultsOptions } from "../shapes/mod.ts";
import { decodeFields } from "../values/mod.ts";
import { isPassing, type JobRequests, pause } from "./job_requests.ts";
import { MAX_FAILURES } from "./job_wait.ts";

const LINE_FEED = 0x0a;

/**
 * Yields the results of a batch, over as many connections as it takes: each goes on behind the last
 * line that has come as a whole.
 */
export async function* batchResults<T>(
  path: string,
  requests: JobRequests,
  { follow = true, signal }: BatchResultsOptions,
): AsyncGenerator<BatchResult<T>, void, undefined> {
  const backoff = new Backoff({ baseMs: 100, capMs: 5_000 });
  const place = { bytes: 0 };
  let url = "";
  while (true) {
    try {
      const query = `?follow=${follow}&from=${place.bytes}`;
      const reply = await requests.send({
        path: `${path}/result${query}`,
        headers: { accept: "application/x-ndjson" },
        ...(signal === undefined ? {} : { signal }),
      });
      url = reply.response.url;
      for await (const line of linesOf(reply.response, place)) {
        backoff.reset();
        yield resultOf<T>(line);
      }
      return;
    } catch (error) {
      signal?.throwIfAborted();
      // The body of an answer that is cut fails with a TypeError.
      const lost = error instanceof TypeError
        ? connectionLost(url, error, { note: `${place.bytes} bytes had arrived` })
        : error;
      if (!isPassing(lost) || backoff.failures >= MAX_FAILURES) throw lost;
      await pause(backoff.failed(), signal);
    }
  }
}

/** Yields the lines of a body, and counts the bytes of those that were yielded. */
async function* linesOf(
  { body }: Response,
  place: { bytes: number },
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = new Uint8Array();
  for await (const chunk of body ?? []) {
    let bytes = chunk;
    if (rest.byteLength > 0) {
      bytes = new Uint8Array(rest.byteLength + chunk.byteLength);
      bytes.set(rest);
      bytes.set(chunk, rest.byteLength);
    }
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
      const line = decoder.decode(bytes.subarray(start, end));
      place.bytes += end + 1 - start;
      start = end + 1;
      yield line;
    }
    rest = bytes.slice(start);
  }
  if (rest.byteLength === 0) return;
  throw new SnakedenError("connection_lost", "The result of the batch was cut off", {
    retryable: true,
  });
}

function resultOf<T>(line: string): BatchResult<T> {
  const result: unknown = decodeFields(line, ["result"]);
  if (isRecord(result) && typeof result["index"] === "number") return result as BatchResult<T>;
  throw new SnakedenError("unexpected_answer", "A line of the result of the batch is none");
}
