import type { CallOptions } from "../../calls/mod.ts";
import { SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import type { ToolInfo } from "../../tools/mod.ts";
import { AcceptRanges } from "../http/mod.ts";
import type { FindTool } from "./upload/mod.ts";

/** The type of bytes whose tool names none, and the type that a client may accept for all bytes. */
const BYTES_TYPE = "application/octet-stream";

/** A range that only bytes can meet. */
const BYTES_RANGE = /^(application\/octet-stream|(image|audio|video)\/.+)$/;

/** The form in which a result, or the chunks of a stream, are sent. */
export interface AnswerForm {
  /** The media type of bytes; undefined to send JSON. */
  readonly bytesType: string | undefined;
  /** True if a result that is not bytes may be sent as JSON. */
  readonly takesJson: boolean;
  /** False if the tool was not known, and its media type may change it: {@link formOnceKnown}. */
  readonly isKnown: boolean;
}

/**
 * Returns the options of a call whose client takes bytes alone. An array is then sent as its bytes,
 * also by a tool that says `arrays="list"`.
 */
export function optionsFor(form: AnswerForm, options: CallOptions): CallOptions {
  const isBytesAlone = form.bytesType !== undefined && !form.takesJson;
  return isBytesAlone ? { arrays: "base64", ...options } : options;
}

const AS_JSON: AnswerForm = { bytesType: undefined, takesJson: true, isKnown: true };

/** The properties of a call that decide the form of its response. */
export interface AnsweredCall {
  readonly accept: string | undefined;
  readonly tool: string;
  readonly pool: string | undefined;
  readonly sessionId: string | undefined;
  readonly findTool: FindTool;
  /** True for a call that follows the chunks of its tool. */
  readonly follows: boolean;
  /** True if the tool has begun, which an error says. Default false. */
  readonly mayHaveRun?: boolean;
}

/**
 * Returns the form of the answer to a call, by the header Accept and the properties of its tool.
 * Bytes are sent as such if the client names their type or kind. A range of all types names none.
 *
 * @throws {SnakedenError} `not_acceptable` if no answer of the tool can be sent.
 */
export function answerForm(
  { accept, tool, pool, sessionId, findTool, follows, mayHaveRun = false }: AnsweredCall,
): AnswerForm {
  if (accept === undefined || accept === "*/*" || accept === "application/json") return AS_JSON;
  const ranges = new AcceptRanges(accept);
  // A client of a stream that takes no events takes bytes alone.
  const jsonQuality = follows ? 0 : ranges.qualityOf("application/json");
  const wantsBytes = namesBytes(ranges);
  const info = findTool(tool, pool, { sessionId });
  const offers = info?.mediaType === undefined ? [BYTES_TYPE] : [info.mediaType, BYTES_TYPE];
  const bytesType = offers.find((it) => ranges.qualityByName(it) > 0);
  const takesJson = jsonQuality > 0;
  if (bytesType === undefined) {
    const isBytesAlone = wantsBytes && !takesJson;
    if (info === undefined) {
      // The host names what is wrong with the tool, if it does not run.
      return {
        bytesType: isBytesAlone ? BYTES_TYPE : undefined,
        takesJson: !isBytesAlone,
        isKnown: false,
      };
    }
    if (!isBytesAlone) return AS_JSON;
    throw notAcceptable(accept, whyNoType(info, offers), { mayHaveRun });
  }
  if (jsonQuality > ranges.qualityByName(bytesType)) return AS_JSON;
  if (follows && info?.streams === false) {
    const why = `${tool} sends no chunks; POST /v1/execute answers its result`;
    throw notAcceptable(accept, why, { mayHaveRun });
  }
  if (info !== undefined && !takesJson && !mayBeBytes(info, follows)) {
    throw notAcceptable(accept, `${tool} does not return bytes`, { mayHaveRun });
  }
  return { bytesType, takesJson, isKnown: info !== undefined };
}

/**
 * Returns the form of the answer when the tool has run, if nobody knew it before: no worker of its
 * pool had been ready.
 *
 * @throws {SnakedenError} `not_acceptable` if no answer of the tool can be sent.
 */
export function formOnceKnown(form: AnswerForm, call: AnsweredCall): AnswerForm {
  return form.isKnown ? form : answerForm({ ...call, mayHaveRun: true });
}

/** Returns true if a header Accept names a type that only bytes can have. */
export function namesBytes(ranges: AcceptRanges): boolean {
  return ranges.named.some((it) => BYTES_RANGE.test(it));
}

/** Returns the error of a call whose answer turned out not to be bytes. */
export function notBytes(accept: string | undefined, what: string): SnakedenError {
  return notAcceptable(accept ?? "", what, { mayHaveRun: true });
}

function whyNoType({ name, mediaType }: ToolInfo, offers: readonly string[]): string {
  return mediaType === undefined
    ? `the tool ${name} names no media type, so its bytes can be sent as ${BYTES_TYPE} only; ` +
      '@tool(media_type="...") names one'
    : `the bytes of the tool ${name} can be sent as ${offers.join(" or ")}`;
}

function notAcceptable(
  accept: string,
  why: string,
  { mayHaveRun }: { readonly mayHaveRun: boolean },
): SnakedenError {
  const when = mayHaveRun ? "the tool has run" : "the tool was not run";
  return new SnakedenError(
    "not_acceptable",
    `Cannot answer with ${JSON.stringify(accept.slice(0, 200))}: ${why} (${when}); ` +
      "application/json in the header accept takes every result",
    { details: { given: accept.slice(0, 200), mayHaveRun } },
  );
}

/** False if the type hints of the tool say that it returns something else. */
function mayBeBytes({ outputSchema, streams }: ToolInfo, follows: boolean): boolean {
  // The chunks of a tool that streams are answered as a list.
  if (streams && !follows) return false;
  return outputSchema === undefined || isBytesSchema(outputSchema, outputSchema);
}

function isBytesSchema(schema: unknown, root: Readonly<Record<string, unknown>>): boolean {
  if (!isRecord(schema)) return true;
  const { title, type, anyOf, $ref: ref } = schema;
  if (title === "bytes" || title === "ndarray") return true;
  if (Array.isArray(anyOf)) return anyOf.some((it) => isBytesSchema(it, root));
  if (typeof ref === "string") return false;
  return type === undefined && schema["enum"] === undefined && schema["const"] === undefined;
}
