import { messageOf } from "../../src/errors.ts";

/** The result of one check. */
export interface Finding {
  readonly name: string;
  /** An error keeps the server from starting, a warning does not. */
  readonly state: "ok" | "warning" | "error";
  readonly text: string;
  /** The cure. */
  readonly mend?: string;
}

/**
 * Runs `look`, and adds what it says as a finding. If it throws, the error is the finding, and null
 * is returned.
 */
export async function findingOf<T>(
  findings: Finding[],
  name: string,
  look: () => Promise<{ value: T; text: string }>,
): Promise<T | null> {
  try {
    const { value, text } = await look();
    findings.push({ name, state: "ok", text });
    return value;
  } catch (error) {
    findings.push({ name, state: "error", text: messageOf(error) });
    return null;
  }
}

/** Returns the findings as lines for people, and the number of each kind. */
export function tableOf(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map((it) => it.name.length));
  const indent = " ".repeat(9 + width + 2);
  const lines = findings.flatMap(({ name, state, text, mend }) => [
    `${state.padEnd(9)}${name.padEnd(width)}  ${text.replaceAll("\n", `\n${indent}`)}`,
    ...(mend === undefined ? [] : [`${indent}-> ${mend}`]),
  ]);
  const count = (state: Finding["state"]): number =>
    findings.filter((it) => it.state === state).length;
  const some = (state: "warning" | "error"): string =>
    `${count(state)} ${state}${count(state) === 1 ? "" : "s"}`;
  return [...lines, `${count("ok")} ok, ${some("warning")}, ${some("error")}`].join("\n");
}
