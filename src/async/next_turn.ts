/**
 * Waits for the next turn of the event loop in which timers run and sockets are read. Long work
 * calls it between its parts. Neither a call of KV nor `setImmediate` is enough: when their results
 * are there at once, the runtime goes on with them first, many times over.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
