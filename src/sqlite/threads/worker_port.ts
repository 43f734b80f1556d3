/** The side of a thread in its exchange of messages with the thread that has started it. */
export interface WorkerPort {
  onmessage: (event: { readonly data: unknown }) => void;
  postMessage(message: unknown): void;
}
