import { Buffer } from "node:buffer";
import { frameBytes, Value, writeFrame } from "../../bridge/mod.ts";
import type { FieldIssue } from "../../errors.ts";

/** The longest argument or variable that the system takes, without its end. */
const MAX_TEXT_BYTES = 128 * 1024 - 1;
/** The bytes of all arguments and variables together, which every system takes. */
const MAX_ALL_BYTES = 1024 * 1024;
/** The bytes that the system counts for each of them besides its text. */
const EACH_BYTES = 9;

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Variables that Snakeden sets. */
const OWN_ENV = /^(?:SNAKEDEN_|TMPDIR$)/;
/**
 * Variables by which a program would run other code than its own, such as BASH_ENV, whose commands
 * Bash runs, or PYTHONINSPECT, which lets Python run its standard input.
 */
const CODE_ENV = new RegExp(
  "^(?:" +
    [
      // The loader and the C library.
      "LD_|DYLD_|GLIBC_|GCONV_PATH$|LOCPATH$|MALLOC_|OPENSSL_|PATH$",
      // Languages.
      "DENO_|NODE_|NPM_|PYTHON(?!UTF8$|HASHSEED$|IOENCODING$|UNBUFFERED$|OPTIMIZE$)|PERL|RUBY|GEM_|",
      "BUNDLE_|LUA_|PHP|R_|JAVA_TOOL_OPTIONS$|_JAVA_OPTIONS$|JDK_JAVA_OPTIONS$|CLASSPATH$",
      // Shells, and programs that start others.
      "BASH|SHELLOPTS$|ENV$|ZDOTDIR$|IFS$|PS4$|PROMPT_COMMAND$|GIT_|LESS|PAGER$|EDITOR$|VISUAL$|",
      "BROWSER$|SHELL$|MAGICK_|XDG_",
    ].join("|").replaceAll("||", "|") + ")",
  "i",
);

/** The most issues that an error names. */
const MAX_ISSUES = 20;

/** Returns what is wrong with the arguments and variables of a program, up to a number. */
export function programIssues(
  { args, env }: {
    readonly args: readonly string[];
    readonly env: Readonly<Record<string, string>>;
  },
): FieldIssue[] {
  const issues: FieldIssue[] = [];
  let all = 0;
  const check = (path: string, text: string, more = 0): void => {
    const bytes = Buffer.byteLength(text) + more;
    all += bytes + EACH_BYTES;
    if (text.includes("\0")) {
      issues.push({ path, message: "given a text with NUL; allowed: any text without NUL" });
    } else if (!text.isWellFormed()) {
      issues.push({ path, message: "given a text that is no Unicode; allowed: Unicode" });
    } else if (bytes > MAX_TEXT_BYTES) {
      const message =
        `given ${bytes} bytes; allowed: at most ${MAX_TEXT_BYTES}, the limit of the ` +
        "system; a longer text can be sent as stdin";
      issues.push({ path, message });
    }
  };
  for (const [i, arg] of args.entries()) check(`args[${i}]`, arg);
  for (const [name, value] of Object.entries(env)) {
    if (!ENV_NAME.test(name)) {
      const message = "given a name that is none of a variable; allowed: letters, digits and _";
      issues.push({ path: `env.${name.slice(0, 64)}`, message });
    } else if (OWN_ENV.test(name) || CODE_ENV.test(name)) {
      const message = `given ${name}, which Snakeden sets, or which would run other code; ` +
        "allowed: any other variable";
      issues.push({ path: `env.${name}`, message });
    } else check(`env.${name}`, value, name.length + 1);
  }
  if (issues.length === 0 && all > MAX_ALL_BYTES) {
    const message = `given ${all} bytes of arguments and variables; allowed: at most ` +
      `${MAX_ALL_BYTES}; a longer text can be sent as stdin`;
    issues.push({ path: "args", message });
  }
  return issues.slice(0, MAX_ISSUES);
}

/** The fields of a program that are kept with its job as its arguments. */
export interface PackedFields {
  readonly args: readonly string[] | Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

/** Returns the fields as they are kept, or the issue of those that are too long together. */
export function packedFields(
  { args, env, stdin }: PackedFields,
  { maxDepth, maxArgsBytes }: { readonly maxDepth: number; readonly maxArgsBytes: number },
): Uint8Array<ArrayBuffer> | FieldIssue {
  const value = Value.from({ args, env, stdin }, { maxDepth, name: "args" });
  const bytes = frameBytes(value);
  if (bytes <= maxArgsBytes) return writeFrame(value);
  const message = `given ${bytes} bytes with env and stdin; allowed: at most ${maxArgsBytes} ` +
    "(jobs.maxArgsBytes)";
  return { path: "args", message };
}
