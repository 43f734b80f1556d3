import { basename, dirname, isAbsolute } from "node:path";
import type { FieldIssue } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { shownValue } from "../config_issues.ts";

const NAME = /^[\p{L}_][\p{L}\p{N}_]*(\.[\p{L}_][\p{L}\p{N}_]*)*$/u;
const EVERY_MODULE = ".*";
const ALLOWED = "`module`, `module:Class` or `package.*`";

/** Checks the form of the adapters of a pool; the twin of adapter_name.py in Python. */
export function adapterIssues(pool: unknown, i: number): FieldIssue[] {
  if (!isRecord(pool)) return [];
  const { adapter } = pool;
  const path = `pools[${i}].adapter`;
  if (!Array.isArray(adapter)) return issuesOf(adapter, path);
  return [
    ...adapter.flatMap((it: unknown, k) => issuesOf(it, `${path}[${k}]`)),
    ...adapter.flatMap((it: unknown, k) => {
      const first = adapter.indexOf(it);
      if (first === k) return [];
      const message = `given ${shownValue(it)}, which is ${path}[${first}] already; allowed: ` +
        "each adapter once";
      return [{ path: `${path}[${k}]`, message }];
    }),
  ];
}

/** Returns the problem of one name, if any. Anything but a string is refused by the schema. */
function issuesOf(name: unknown, path: string): FieldIssue[] {
  if (typeof name !== "string" || isAdapterName(name)) return [];
  return [{ path, message: `given ${shownValue(name)}; allowed: ${ALLOWED}${hintFor(name)}` }];
}

function isAdapterName(text: string): boolean {
  if (text.endsWith(EVERY_MODULE)) return NAME.test(text.slice(0, -EVERY_MODULE.length));
  const [module = "", path, ...more] = text.split(":");
  return NAME.test(module) && !module.endsWith(".py") && more.length === 0 &&
    (path === undefined || NAME.test(path));
}

/** Returns advice for writing a file name as a module name; empty for other text. */
function hintFor(text: string): string {
  const [path = "", ...rest] = text.split(":");
  const file = path.replaceAll("\\", "/").replace(/\.py$/, "");
  const end = rest.map((it) => `:${it}`).join("");
  if (isAbsolute(file) || file.startsWith("../")) {
    if (!NAME.test(basename(file))) return "";
    return `; write "${basename(file)}${end}", and put its folder, ${
      dirname(file)
    }, in modulePaths`;
  }
  const dotted = file.split("/").filter((it) => it !== "" && it !== ".").join(".");
  if (dotted === path || (rest.length > 0 && !NAME.test(rest.join(":")))) return "";
  const named = dotted.replaceAll("-", "_");
  if (!NAME.test(named)) return "";
  if (named !== dotted) {
    return `; Python cannot import a name with "-": rename the file, and write "${named}"`;
  }
  let what = "";
  if (![".", ""].includes(dirname(file))) what = "use dots: ";
  else if (path.endsWith(".py")) what = "leave out .py: ";
  return `; ${what}write "${dotted}${end}"`;
}
