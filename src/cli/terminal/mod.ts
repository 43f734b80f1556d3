/**
 * Texts for terminals: {@link safeText} and {@link safeJson} let no control character of a job
 * through, {@link textWidth} counts columns, {@link Table} and {@link progressLine} lay texts out,
 * and the rest reads and writes durations, times and sizes.
 *
 * @module
 */
export {
  ProgressEstimate,
  type ProgressFacts,
  progressFacts,
  progressLine,
} from "./progress_line.ts";
export { safeJson, safeLine, safeText } from "./safe_text.ts";
export { bytesText } from "./sizes.ts";
export { type Paint, painted, plain, type Style } from "./styles.ts";
export { type Cell, type Column, GAP, Table, type TableOptions } from "./table.ts";
export { fitText, textWidth, wrapText } from "./text_width.ts";
export { ageText, durationText, parseDuration, relativeTime } from "./times.ts";
