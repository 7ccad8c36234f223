/**
 * Comments: `#` to the end of its line.
 *
 * A line that is only a comment goes with one of its line breaks; after other text, or as the second of two comment
 * lines, a comment leaves its line break, and at the end of the text it leaves a new one.
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/processing_scripts/comments.py (behaviour).
 */

const COMMENT_LINE = /(?:^|\n)#[^\n]*(?:\n|$)/gu;
const COMMENT = /#[^\n]*(?:\n|$)/gu;

export function stripComments(text: string): string {
  return text.replace(COMMENT_LINE, '\n').replace(COMMENT, '\n');
}
