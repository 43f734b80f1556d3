import { Buffer } from "node:buffer";
import type { FieldIssue } from "../../errors.ts";

/** The longest argument or variable that the system takes, without its end. */
const MAX_TEXT_BYTES = 128 * 1024 - 1;
/** The bytes of all arguments and variables together, which every system takes. */
const MAX_ALL_BYTES = 1024 * 1024;
/** The bytes that the system counts for each of them besides its text. */
const EACH_BYTES = 9;

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Variables by which a program would run other code, or that Snakeden sets. */
const REFUSED_ENV =
  /^(SNAKEDEN_|LD_|DYLD_|DENO_|GLIBC_|NODE_OPTIONS$|PYTHONPATH$|PYTHONHOME$|TMPDIR$)/;

/** Returns what is wrong with the arguments and variables of a program. */
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
    } else if (REFUSED_ENV.test(name)) {
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
  return issues;
}
