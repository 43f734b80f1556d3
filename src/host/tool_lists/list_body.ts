import { z } from "zod";
import { TurnBudget } from "../../async/mod.ts";
import type { Tool } from "../../bridge/mod.ts";
import { isRecord } from "../../json/mod.ts";
import { parseJsonBytes } from "../../store/mod.ts";

/** The bytes that are encoded or decoded in one turn of the event loop. */
const BYTES_A_TURN = 2 ** 18;
const NEWLINE = 10;

const schemaText = z.string().refine(isSchema, "it is no JSON Schema of an object");

const toolSchema: z.ZodType<Tool> = z.object({
  name: z.string().min(1),
  description: z.string(),
  inputSchema: schemaText,
  outputSchema: z.string().refine((it) => it === "" || isSchema(it), "it is no JSON Schema"),
  streams: z.boolean(),
  idempotent: z.boolean(),
  timeoutMs: z.number().nonnegative(),
  mediaType: z.string(),
  stallTimeoutMs: z.number().nonnegative(),
});

/** Returns tools as lines of JSON; undefined if they are longer than `maxBytes`. */
export async function encodeTools(
  tools: readonly Tool[],
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const budget = new TurnBudget(BYTES_A_TURN);
  const encoder = new TextEncoder();
  const lines: Uint8Array[] = [];
  let bytes = 0;
  for (const tool of tools) {
    const line = encoder.encode(`${JSON.stringify(plain(tool))}\n`);
    bytes += line.byteLength;
    if (bytes > maxBytes) return undefined;
    lines.push(line);
    await budget.take(line.byteLength);
  }
  const all = new Uint8Array(bytes);
  let offset = 0;
  for (const line of lines) {
    all.set(line, offset);
    offset += line.byteLength;
  }
  return all;
}

/**
 * Returns the tools in lines of JSON, which may be those of another program.
 *
 * @throws {Error} If they are not a list of tools; the message says why.
 */
export async function decodeTools(bytes: Uint8Array): Promise<Tool[]> {
  const budget = new TurnBudget(BYTES_A_TURN);
  const tools: Tool[] = [];
  const names = new Set<string>();
  for (let start = 0; start < bytes.byteLength;) {
    const end = bytes.indexOf(NEWLINE, start);
    if (end < 0) throw new Error("its last line is cut off");
    const parsed = toolSchema.safeParse(parseJsonBytes(bytes.subarray(start, end)));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new Error(`tool ${tools.length + 1}: ${issue?.path.join(".")}: ${issue?.message}`);
    }
    const { data: tool } = parsed;
    if (names.has(tool.name)) throw new Error(`it has ${tool.name} twice`);
    names.add(tool.name);
    tools.push(tool);
    await budget.take(end + 1 - start);
    start = end + 1;
  }
  return tools;
}

/** Returns a tool with all its fields: those of a message are inherited if they are empty. */
function plain(tool: Tool): Tool {
  return {
    name: tool.name,
    description: tool.description,
    inputSchema: tool.inputSchema,
    outputSchema: tool.outputSchema,
    streams: tool.streams,
    idempotent: tool.idempotent,
    timeoutMs: tool.timeoutMs,
    mediaType: tool.mediaType,
    stallTimeoutMs: tool.stallTimeoutMs,
  };
}

/** Returns true for the JSON of an object, as every schema of a tool is. */
function isSchema(text: string): boolean {
  try {
    return isRecord(JSON.parse(text));
  } catch {
    return false;
  }
}
