/**
 * Input streams: arguments whose items the tool pulls one after another while it runs. A
 * {@link CallInputs} holds those of one call and answers the asks of its tool; an
 * {@link InputStream} reads one source ahead of the tool, within bounds; puller.ts reads and closes
 * sources of each kind. Twin of `snakeden._worker.calls` input.py.
 *
 * @module
 */
export { CallInputs, INPUT_CANCEL, INPUT_NEXT } from "./call_inputs.ts";
export { type InputLimits, InputStream } from "./input_stream.ts";
