import { isLargeFrame, LargeFrames, Value, writeFrame } from "../../bridge/mod.ts";
import { messageOf, SnakedenError } from "../../errors.ts";
import { lstatIfThere, SCRIPT_ENV } from "../../process/mod.ts";
import type { PrintedResult } from "./script_output.ts";

/** Options of {@link readResult}. */
export interface ResultOptions {
  /** The file of the result. */
  readonly file: string;
  readonly printed: PrintedResult | undefined;
  readonly maxBytes: number;
  readonly maxDepth: number;
  /** The name of the work, for error texts. */
  readonly name: string;
}

/**
 * Reads the result of a program that has ended: its file, else what it printed, else null. No
 * process may be left that could change the file.
 *
 * @throws {SnakedenError} `result_too_large`, or `script_failed` for a result that is no JSON, or
 * no file.
 */
export async function readResult(options: ResultOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { printed, maxBytes, maxDepth, name } = options;
  const json = await fileText(options) ?? printedText(printed, options);
  if (json === undefined) return writeFrame(Value.from(null, { maxDepth, name: "result" }));
  let value: Value;
  try {
    value = Value.fromJsonTree(JSON.parse(json), { maxDepth, name: "result" });
  } catch (error) {
    throw badResult(name, `it is no JSON that can be kept: ${messageOf(error)}`);
  }
  const frame = isLargeFrame(json.length)
    ? await new LargeFrames().write(value)
    : writeFrame(value);
  if (frame.byteLength > maxBytes + FRAME_BYTES) throw tooLarge(frame.byteLength, options);
  return frame;
}

/** The bytes that a frame may have beside its JSON. */
const FRAME_BYTES = 64;

/** Returns the text of the file; undefined if there is none. */
async function fileText(options: ResultOptions): Promise<string | undefined> {
  const { file, maxBytes, name } = options;
  const info = await lstatIfThere(file);
  if (info === undefined) return undefined;
  if (!info.isFile) {
    const kind = info.isSymlink ? "a symbolic link" : info.isDirectory ? "a folder" : "no file";
    throw badResult(name, `${SCRIPT_ENV.result} is ${kind}; allowed: a regular file`);
  }
  if (info.size > maxBytes) throw tooLarge(info.size, options);
  if (info.size === 0) return undefined;
  const bytes = await Deno.readFile(file);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw badResult(name, "it is not UTF-8");
  }
}

function printedText(
  printed: PrintedResult | undefined,
  options: ResultOptions,
): string | undefined {
  if (printed === undefined) return undefined;
  if ("json" in printed) return printed.json;
  throw new SnakedenError(
    "result_too_large",
    `Cannot keep the result of ${options.name}: the line that prints it is too long; write a ` +
      `long result to the file ${SCRIPT_ENV.result}`,
  );
}

function badResult(name: string, problem: string): SnakedenError {
  return new SnakedenError("script_failed", `Cannot keep the result of ${name}: ${problem}`, {
    details: { reason: "result" },
  });
}

function tooLarge(bytes: number, { name, maxBytes }: ResultOptions): SnakedenError {
  return new SnakedenError(
    "result_too_large",
    `Cannot keep the result of ${name}: it has ${bytes} bytes; allowed: at most ${maxBytes} ` +
      "(jobs.scripts.maxResultBytes)",
    { details: { bytes, maxResultBytes: maxBytes } },
  );
}
