/** Names that come from files, in messages. */

/** A name from a file, made safe for a message: escaped and of bounded length. */
export function quoteName(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 120)}...` : name);
}
