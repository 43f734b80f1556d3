import { Buffer, isUtf8 } from "node:buffer";
import { isLargeFrame, LargeFrames, Value, writeFrame } from "../../../bridge/mod.ts";
import { messageOf, SnakedenError } from "../../../errors.ts";
import { lstatIfThere, SCRIPT_ENV } from "../../../process/mod.ts";
import { TAG } from "../../../values/mod.ts";
import { jsonProblem, type Place } from "./check_json.ts";
import type { PrintedResult } from "../script_output.ts";
import { taggedValue } from "./tagged_result.ts";

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
 * @throws {SnakedenError} `result_too_large`, or `script_failed` for a result that is not JSON, or
 * no file.
 */
export async function readResult(options: ResultOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { maxDepth, name } = options;
  const bytes = await fileBytes(options) ?? printedBytes(options);
  if (bytes === undefined) return writeFrame(Value.from(null, { maxDepth, name: "result" }));
  const isTagged = hasTag(bytes);
  const tags: Place[] = [];
  const problem = await jsonProblem(bytes, {
    maxDepth,
    ...(isTagged ? { maxValues: MAX_TAGGED_VALUES, tags: { key: TAG, found: tags } } : {}),
  });
  if (problem !== undefined) {
    const beside = isTagged ? ", with bytes or arrays among them" : "";
    throw badResult(name, `it is not JSON that can be kept: ${problem}${beside}`);
  }
  const value = tags.length > 0
    ? await taggedValue(bytes, tags, { maxDepth, name: "result" }).catch((error) => {
      throw badResult(name, messageOf(error));
    })
    : new Value({ json: bytes, tagged: false, buffers: [] });
  const frame = isLargeFrame(bytes.byteLength)
    ? await new LargeFrames().write(value)
    : writeFrame(value);
  return frame;
}

/** Returns true if a result may have bytes or arrays in it, which JSON has in tags. */
function hasTag(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(TAG_TEXT);
}

/** The most values of a result that has bytes or arrays in it. Those who read it build them. */
const MAX_TAGGED_VALUES = 50_000;
const TAG_TEXT = JSON.stringify(TAG);

/** Returns the bytes of the file, which are UTF-8; undefined if there is none. */
async function fileBytes(options: ResultOptions): Promise<Uint8Array<ArrayBuffer> | undefined> {
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
  if (!isUtf8(bytes)) throw badResult(name, "it is not UTF-8");
  return bytes;
}

function printedBytes(
  { printed, maxBytes, ...options }: ResultOptions,
): Uint8Array<ArrayBuffer> | undefined {
  if (printed === undefined) return undefined;
  if ("json" in printed) {
    const bytes = new TextEncoder().encode(printed.json);
    if (bytes.byteLength > maxBytes) throw tooLarge(bytes.byteLength, { ...options, maxBytes });
    return bytes;
  }
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

function tooLarge(
  bytes: number,
  { name, maxBytes }: Pick<ResultOptions, "name" | "maxBytes">,
): SnakedenError {
  return new SnakedenError(
    "result_too_large",
    `Cannot keep the result of ${name}: it has ${bytes} bytes; allowed: at most ${maxBytes} ` +
      "(jobs.scripts.maxResultBytes)",
    { details: { bytes, maxResultBytes: maxBytes } },
  );
}
