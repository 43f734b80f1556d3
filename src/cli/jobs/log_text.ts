import type { LogLine } from "../../client/mod.ts";
import { type Paint, safeLine, safeText, type Style } from "../terminal/mod.ts";

const STYLES: Readonly<Record<string, Style>> = {
  warning: "yellow",
  error: "red",
  critical: "red",
};

/** Returns a line for people, as the text of `GET /v1/jobs/:id/logs` has it. */
export function logText({ at, source, level, logger, text }: LogLine, paint: Paint): string {
  const about = [source, level, logger].filter((it) => it !== undefined).map(safeLine).join(" ");
  const style = STYLES[level ?? ""];
  const head = style === undefined ? `${about}:` : paint(style, `${about}:`);
  return `${paint("dim", safeLine(at))} ${head} ${safeText(text)}`;
}
