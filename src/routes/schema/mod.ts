/**
 * What routes are described with, so that `app.openapi` holds each answer to its description: schemas
 * that are the types of the host ({@link schemaOf}), JSON that is text already ({@link encodedJson}),
 * bodies that a handler reads itself ({@link bodyByReference}), and problems ({@link problemAnswers}).
 *
 * @module
 */
export { type BodyByReference, bodyByReference } from "./body_by_reference.ts";
export { type EncodedJson, encodedJson } from "./encoded_json.ts";
export { errorCodeSchema, problemAnswers, problemSchema } from "./problem_schema.ts";
export { refuseInvalid } from "./refuse_invalid.ts";
export { schemaOf } from "./schema_of.ts";
