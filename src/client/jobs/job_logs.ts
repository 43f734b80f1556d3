import { Backoff } from "../../async/mod.ts";
import { SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import {
  type AnswerFields,
  Bound,
  connectionLost,
  unexpectedAnswer,
  wrongField,
} from "../http/mod.ts";
import type { JobLogsOptions, LogLine } from "../shapes/mod.ts";
import { EventReader } from "../streams/mod.ts";
import { parsed } from "./job_answers.ts";
import { isPassing, type JobRequests } from "./job_requests.ts";
import { MAX_FAILURES } from "./job_wait.ts";

/** The fields of a line that each has. */
const LINE: AnswerFields = { n: "number", run: "number", at: "text", text: "text" };

/** Yields the lines of a log, over as many connections as it takes. */
export async function* jobLogs(
  path: string,
  requests: JobRequests,
  { after, tail, follow = true, signal }: JobLogsOptions,
): AsyncGenerator<LogLine, void, undefined> {
  const bound = new Bound([signal], { timeoutMs: undefined, late: () => new Error("late") });
  const backoff = new Backoff({ baseMs: 100, capMs: 5_000 });
  const query = `?format=sse&follow=${follow}`;
  /** The line behind which it goes on; undefined if it begins with the last lines. */
  let last = tail !== undefined && (after ?? 0) === 0 ? undefined : after ?? 0;
  let host = requests;
  let reader: EventReader | undefined;
  try {
    while (true) {
      let cause: unknown = new Error("the log ended");
      try {
        if (reader === undefined) {
          const isFirst = last === undefined;
          const opened = await open(isFirst ? `${path}${query}&tail=${tail}` : path + query, host, {
            last: last === 0 && tail === undefined ? undefined : last,
            bound,
          });
          if (opened === undefined) return;
          [reader, host] = [opened.reader, opened.requests];
        }
        const event = await reader.next();
        if (event?.event === "end") return checkEnd(event.data);
        if (event?.event === "reset") last = 0;
        if (event?.event === "line") {
          const line = lineOf(event.data);
          if (line.n <= (last ?? 0)) continue;
          last = line.n;
          backoff.reset();
          yield line;
        }
        if (event !== undefined) continue;
      } catch (error) {
        bound.signal.throwIfAborted();
        const mayPass = !(error instanceof SnakedenError) || isPassing(error);
        if (host.host === undefined || !mayPass) throw error;
        cause = error;
      }
      if (last === undefined && /^\d+$/.test(reader?.lastId ?? "")) last = Number(reader?.lastId);
      reader?.leave();
      reader = undefined;
      const pauseMs = backoff.failed();
      if (backoff.failures > MAX_FAILURES) {
        const note = `it could not be opened again in ${MAX_FAILURES} attempts`;
        const url = `${host.host?.url ?? ""}${path}`;
        throw connectionLost(url, cause, { note, mayHaveRun: false, after: last ?? 0 });
      }
      await bound.pause(pauseMs);
    }
  } finally {
    reader?.leave();
    bound.close();
  }
}

interface Opened {
  readonly reader: EventReader;
  /** The requests to the host that has the job. */
  readonly requests: JobRequests;
}

/** Opens the log; returns undefined if the reader has seen all of it. */
async function open(
  path: string,
  requests: JobRequests,
  { last, bound }: { readonly last: number | undefined; readonly bound: Bound },
): Promise<Opened | undefined> {
  const accept = { accept: "text/event-stream" };
  const reply = await requests.send({
    path,
    headers: last === undefined ? accept : { ...accept, "last-event-id": String(last) },
    signal: bound.signal,
    timeoutMs: null,
  });
  if (reply.response.status === 204) {
    await reply.text();
    return undefined;
  }
  if (!reply.isOf("text/event-stream")) {
    reply.leave();
    throw unexpectedAnswer(`${reply.host.url}${path}`, reply.response, "");
  }
  return { reader: new EventReader(reply), requests: requests.at(reply.host) };
}

/** @throws {SnakedenError} `unknown_job` if lines may be missing. */
function checkEnd(data: string): void {
  const end = parsed(data);
  if (!isRecord(end) || end["gone"] !== true) return;
  throw new SnakedenError("unknown_job", "The job was removed while its log was read");
}

function lineOf(data: string): LogLine {
  const line = parsed(data);
  if (isRecord(line) && wrongField(line, LINE) === undefined) return line as unknown as LogLine;
  const message = `The line of a log is not one of Snakeden: ${data.slice(0, 200)}`;
  throw new SnakedenError("unexpected_answer", message);
}
