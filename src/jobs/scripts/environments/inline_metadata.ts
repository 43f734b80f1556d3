import { validRange } from "@renovatebot/pep440";
import { parse, TomlError } from "smol-toml";
import type { SnakedenError } from "../../../errors.ts";
import { isRecord } from "../../../json/mod.ts";
import { nearNames } from "../../../near_names.ts";
import { environmentFailed, FINAL } from "./environment_failed.ts";
import { type MetadataBlock, metadataBlocks } from "./metadata_block.ts";

/** The most characters of a block. */
const MAX_BLOCK_CHARS = 256 * 1024;
/** The most packages that a block may name. */
const MAX_DEPENDENCIES = 1_000;

const FIELDS = ["requires-python", "dependencies", "tool"] as const;

/** The most characters of a package with its version. */
const MAX_DEPENDENCY_CHARS = 2_000;

/** A name of a package, and at most its extras, a version or a URL, and a condition. */
const DEPENDENCY = new RegExp(
  String.raw`^[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?\s*(?:\[[\w\s.,-]*\])?` +
    String.raw`\s*(?:@\s*[^\s;]+|\(?\s*(?:===|[~=!<>]=|[<>])[^;@]*)?\s*(?:;.+)?$`,
);

/** The metadata that a Python script has about itself. */
export interface InlineMetadata {
  /** The versions of Python that will do, such as `>=3.11`; undefined for any. */
  readonly requiresPython: string | undefined;
  /** The packages, as the script names them. */
  readonly dependencies: readonly string[];
}

/** The metadata of a script, and what the reader should know about it. */
export interface MetadataReading {
  /** Undefined if the script has no block `script`. */
  readonly metadata: InlineMetadata | undefined;
  readonly warnings: readonly string[];
}

/**
 * Reads the inline metadata of a Python script (PEP 723).
 *
 * @param file The path of the script, for errors.
 * @throws {SnakedenError} `environment_failed` for more than one block, a block that is not TOML,
 * or a field that does not exist or has a wrong value.
 */
export function readInlineMetadata(text: string, file: string): MetadataReading {
  const { closed, unclosed } = metadataBlocks(text, "script");
  const warnings = unclosed.map((line) =>
    `${file}:${line}: ignoring \`# /// script\`, since no line \`# ///\` ends it`
  );
  const [block, second] = closed;
  if (block === undefined) return { metadata: undefined, warnings };
  if (second !== undefined) {
    throw environmentFailed(
      file,
      `it has ${closed.length} blocks \`# /// script\`, in lines ${
        closed.map((it) => it.line).join(", ")
      }; only one is allowed`,
      { ...FINAL, lines: closed.map((it) => it.line) },
    );
  }
  return { metadata: parsed(block, file), warnings };
}

function parsed(block: MetadataBlock, file: string): InlineMetadata {
  const { line, content } = block;
  const failed = (reason: string, cause?: unknown): SnakedenError =>
    environmentFailed(
      file,
      `its block \`# /// script\` in line ${line}: ${reason}`,
      { ...FINAL, line },
      cause,
    );
  if (content.length > MAX_BLOCK_CHARS) {
    throw failed(`it has ${content.length} characters; at most ${MAX_BLOCK_CHARS} are allowed`);
  }
  let fields: Record<string, unknown>;
  try {
    fields = parse(content);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [what = ""] = error.message.split("\n", 1);
    const at = `line ${line + error.line}, column ${error.column + "# ".length}`;
    throw failed(`${what.replace("Invalid TOML document", "it is not TOML")} (${at})`, error);
  }
  for (const name of Object.keys(fields)) {
    if ((FIELDS as readonly string[]).includes(name)) continue;
    const [near] = nearNames(name, FIELDS, 1);
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    throw failed(`the field ${name} does not exist; allowed: ${FIELDS.join(", ")}${hint}`);
  }
  if (fields.tool !== undefined && !isRecord(fields.tool)) {
    throw failed(`tool: given ${given(fields.tool)}; a table is allowed`);
  }
  return {
    requiresPython: requiresPythonOf(fields["requires-python"], failed),
    dependencies: dependenciesOf(fields.dependencies, failed),
  };
}

function requiresPythonOf(
  value: unknown,
  failed: (reason: string) => SnakedenError,
): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string" || !validRange(value)) {
    throw failed(
      `requires-python: given ${
        given(value)
      }; a specifier of versions is allowed, such as ">=3.11"`,
    );
  }
  return value.trim() === "" ? undefined : value.trim();
}

function dependenciesOf(value: unknown, failed: (reason: string) => SnakedenError): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    throw failed(
      `dependencies: given ${given(value)}; a list of texts is allowed, such as ["numpy>=2"]`,
    );
  }
  if (value.length > MAX_DEPENDENCIES) {
    throw failed(
      `dependencies: given ${value.length} packages; at most ${MAX_DEPENDENCIES} are allowed`,
    );
  }
  return value.map((it: unknown, i) => {
    const text = typeof it === "string" ? it.trim() : "";
    // deno-lint-ignore no-control-regex
    const isLine = text.length <= MAX_DEPENDENCY_CHARS && !/[\x00-\x1f\x7f]/.test(text);
    if (isLine && DEPENDENCY.test(text)) return text;
    throw failed(
      `dependencies[${i}]: given ${given(it)}; a package is allowed, such as "numpy>=2"`,
    );
  });
}

/** Shows a value in an error. */
function given(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}
