// What text may be: well-formed Unicode without control characters, counted in code points.
// The bounds are checked here and only told to JSON Schema, which counts the same way.
import * as z from "zod";

// Tab and newline are text; every other control character (C0, DEL, C1) only confuses whoever displays it.
// deno-lint-ignore no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;
// deno-lint-ignore no-control-regex
const CONTROL_OR_BREAK = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Many lines of text: 1 to `max` code points, not blank. Windows line ends become `\n`. */
export function prose(max: number) {
  return z.string()
    .overwrite((text) =>
      text.includes("\r") ? text.replaceAll("\r\n", "\n") : text
    )
    .check(bounded(max, CONTROL), notBlank)
    .meta({ minLength: 1, maxLength: max });
}

/** One line of text: 1 to `max` code points, trimmed, not blank. */
export function line(max: number) {
  return z.string().trim().check(bounded(max, CONTROL_OR_BREAK), notBlank)
    .meta({ minLength: 1, maxLength: max });
}

/** Like `prose`, but may be empty: how one clears a description. */
export function optionalProse(max: number) {
  return z.string().check(bounded(max, CONTROL)).meta({ maxLength: max });
}

/** A secret that is compared, never shown: any well-formed text, left as it is. */
export function secretText(min: number, max: number) {
  return z.string().check((context) => {
    const problem = context.value.isWellFormed()
      ? outOfBounds(context.value, min, max)
      : "must be well-formed Unicode";
    // A password must not appear in an error.
    if (problem) {
      context.issues.push({ code: "custom", message: problem, input: "" });
    }
  }).meta({ minLength: min, maxLength: max });
}

function bounded(max: number, refused: RegExp) {
  return (context: z.core.ParsePayload<string>) => {
    const text = context.value;
    const problem = outOfBounds(text, 1, max) ??
      (refused.test(text)
        ? "must not contain control characters"
        : text.isWellFormed()
        ? null
        : "must be well-formed Unicode (a surrogate stands alone)");
    if (problem && text !== "") {
      context.issues.push({ code: "custom", message: problem, input: text });
    }
  };
}

function notBlank(context: z.core.ParsePayload<string>) {
  if (context.value.trim() === "") {
    context.issues.push({
      code: "custom",
      message: "must not be empty",
      input: context.value,
    });
  }
}

function outOfBounds(text: string, min: number, max: number): string | null {
  // A string has at least half as many code points as code units: most texts need no counting.
  if (text.length > 2 * max) return `must have at most ${max} characters`;
  const count = text.length <= max && text.length >= 2 * min
    ? text.length
    : codePoints(text);
  if (count > max) return `must have at most ${max} characters`;
  return count < min ? `must have at least ${min} characters` : null;
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
