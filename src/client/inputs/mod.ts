/**
 * Input streams of the client: {@link inputOf} finds the one among the arguments of a call, and an
 * {@link InputFeed} sends its items as the body of the request.
 *
 * @module
 */
export { assertSendable, type Input, inputOf, obstacle, refuseNested } from "./input_args.ts";
export { InputFeed } from "./input_feed.ts";
