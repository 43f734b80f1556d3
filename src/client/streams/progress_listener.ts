/**
 * Returns a function that passes reports of progress on. As in the library, an error of the
 * listener does not affect the call; it is shown in the console.
 */
export function reporterTo(
  listener: ((report: unknown) => unknown) | undefined,
): (report: unknown) => void {
  const failed = (error: unknown): void =>
    console.warn("A listener to the progress of a tool failed:", error);
  return (report) => {
    try {
      const result = listener?.(report);
      if (result instanceof Promise) result.catch(failed);
    } catch (error) {
      failed(error);
    }
  };
}
