import { resolve } from "node:path";
import type { FieldIssue } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";

/** A place for an argument in a command. */
const PLACE = /(?<!\{)\{[A-Za-z_][A-Za-z0-9_]*\}/;

/** Returns what is wrong with the scripts and commands of the section `jobs`. */
export function scriptIssues(jobs: unknown): FieldIssue[] {
  if (!isRecord(jobs)) return [];
  const { scriptFolders, commands } = jobs;
  return [
    ...Array.isArray(scriptFolders) ? duplicateFolders(scriptFolders) : [],
    ...isRecord(commands) ? Object.entries(commands).flatMap(programIssues) : [],
  ];
}

/** Refuses a folder that an earlier one hides, with permissions that nobody would get. */
function duplicateFolders(folders: readonly unknown[]): FieldIssue[] {
  const first = new Map<string, number>();
  const issues: FieldIssue[] = [];
  for (const [i, folder] of folders.entries()) {
    const path = isRecord(folder) ? folder.path : folder;
    if (typeof path !== "string" || path === "") continue;
    const before = first.get(resolve(path));
    if (before === undefined) {
      first.set(resolve(path), i);
      continue;
    }
    issues.push({
      path: `jobs.scriptFolders[${i}]${isRecord(folder) ? ".path" : ""}`,
      message: `given ${JSON.stringify(path)}, which is jobs.scriptFolders[${before}] too; ` +
        "allowed: each folder once",
    });
  }
  return issues;
}

/** Refuses a command whose program would be the choice of those who submit it. */
function programIssues([name, command]: readonly [string, unknown]): FieldIssue[] {
  const list = isRecord(command) ? command.command : undefined;
  const program: unknown = Array.isArray(list) ? list[0] : undefined;
  if (typeof program !== "string" || !PLACE.test(program)) return [];
  return [{
    path: `jobs.commands.${name}.command[0]`,
    message: `given ${JSON.stringify(program)}; allowed: a program without arguments in it, ` +
      "which would let every submission choose the program",
  }];
}
