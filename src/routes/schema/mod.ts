/**
 * Parts of the descriptions of routes, by which `app.openapi` checks the type of each response:
 * schemas that match types of the host ({@link schemaOf}), JSON that is already encoded
 * ({@link encodedJson}), bodies that a handler reads itself ({@link bodyByReference}), and problems
 * ({@link problemAnswers}). Handlers that read a request themselves check its fields here
 * ({@link onceEach}, {@link unknownFields}).
 *
 * @module
 */
export { type BodyByReference, bodyByReference } from "./body_by_reference.ts";
export { type EncodedJson, encodedJson, encodedJsonAs } from "./encoded_json.ts";
export { errorCodeSchema, problemAnswers, problemSchema } from "./problem_schema.ts";
export { refuseInvalid } from "./refuse_invalid.ts";
export { schemaOf } from "./schema_of.ts";
export { invalidBody, MAX_ISSUES, onceEach, unknownFields } from "./request_fields.ts";
