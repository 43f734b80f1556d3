/**
 * The suite that the library and the client pass in every runtime. Each case is a sentence; it gets
 * a den, and the classes that come with it.
 */
import type * as client from "../../../src/client/mod.ts";
import { CALL_CASES } from "./call_cases.ts";
import { FILE_CASES } from "./file_cases.ts";
import { HOST_CASES } from "./host_cases.ts";
import { INPUT_CASES } from "./input_cases.ts";
import { JOB_CASES } from "./job_cases.ts";
import { MAP_CASES } from "./map_cases.ts";
import { SESSION_CASES } from "./session_cases.ts";
import { STREAM_CASES } from "./stream_cases.ts";
import { TOOL_CASES } from "./tool_cases.ts";
import { VALUE_CASES } from "./value_cases.ts";

/** The classes that a case compares with: those of the library, or those of the bundle. */
export type Classes = Pick<
  typeof client,
  | "DeadlineExceededError"
  | "InvalidInputError"
  | "NdArray"
  | "PythonError"
  | "SnakedenError"
  | "WorkerCrashedError"
>;

/** The den and the classes that a case works with. */
export interface Subject {
  readonly den: client.Den;
  readonly classes: Classes;
  /** False where `fetch` does not send streams. */
  readonly sendsStreams: boolean;
}

/** A case of the suite. */
export interface Case {
  readonly name: string;
  readonly run: (subject: Subject) => Promise<void>;
}

/** The result of a case; without an error it holds. */
export interface CaseResult {
  readonly name: string;
  readonly error?: string;
}

/** The adapters whose tools the cases call, in one pool of two workers. */
export const ADAPTERS_OF_SUITE = ["snakeden.demo", "streams", "dies_in_call", "reads_streams"];

/** All cases. */
export const CASES: readonly Case[] = [
  ...CALL_CASES,
  ...VALUE_CASES,
  ...STREAM_CASES,
  ...INPUT_CASES,
  ...MAP_CASES,
  ...TOOL_CASES,
  ...SESSION_CASES,
  ...JOB_CASES,
  ...FILE_CASES,
  ...HOST_CASES,
];

/** Runs all cases, one after the other. */
export async function runSuite(subject: Subject): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const { name, run } of CASES) {
    try {
      await run(subject);
      results.push({ name });
    } catch (error) {
      const text = error instanceof Error ? error.stack ?? error.message : String(error);
      results.push({ name, error: text });
    }
  }
  return results;
}
