import type { FieldIssue } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { shownValue } from "../config_issues.ts";

/** Checks the rules that the launcher of a pool shares with other keys. */
export function launcherIssues(pool: unknown, i: number): FieldIssue[] {
  if (!isRecord(pool)) return [];
  const { launcher = "spawn", preload, isolate, profile = "process", wrap, affinity } = pool;
  const forks = launcher === "prefork";
  const issues: FieldIssue[] = [];
  const add = (key: string, message: string): void => {
    issues.push({ path: `pools[${i}].${key}`, message: `given ${message}` });
  };
  if (!forks && Array.isArray(preload) && preload.length > 0) {
    add(
      "preload",
      `${shownValue(preload)} with the launcher ${shownValue(launcher)}; allowed: ` +
        'only with `launcher: "prefork"`',
    );
  }
  if (forks && Array.isArray(wrap) && wrap.length > 0) {
    add(
      "launcher",
      '"prefork" together with wrap; allowed: one of the two, since a wrapper ' +
        "starts each worker by itself, and the host could not tell forks inside of it apart",
    );
  }
  if (isolate !== "call") return issues;
  if (!forks) {
    add(
      "isolate",
      `"call" with the launcher ${shownValue(launcher)}; allowed: only with ` +
        '`launcher: "prefork"`',
    );
  }
  if (profile !== "process") {
    add(
      "isolate",
      `"call" with the profile ${shownValue(profile)}; allowed: only with ` +
        '`profile: "process"`',
    );
  }
  if (typeof affinity === "string" && affinity.startsWith("strict")) {
    add(
      "affinity",
      `${shownValue(affinity)} with \`isolate: "call"\`; allowed: "hint", since no ` +
        "worker lives for a second call",
    );
  }
  return issues;
}
