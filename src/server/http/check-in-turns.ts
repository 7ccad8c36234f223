import { z } from 'zod';
import { check } from '#api/check';
import { inTurns } from '#studio/events/next-turn';

/** Of a list; they are checked together. */
const few = 25;

/**
 * A body against its schema. The items of a long list of objects (a thousand jobs of a hundred fields each) are checked
 * in several turns of the event loop, after everything around them.
 * @throws FieldError naming the first field that is wrong
 */
export async function checkInTurns(schema: z.ZodType, value: unknown, where: string): Promise<unknown> {
  const lists = longLists(schema, value);
  if (lists.length === 0 || !(schema instanceof z.ZodObject)) return check(schema, value, where);
  const unchecked = lists.map(({ name, list }) => [name, list.clone({ ...list.def, element: z.unknown() })] as const);
  const whole = check(schema.extend(Object.fromEntries(unchecked)), value, where) as Record<string, unknown>;
  for (const { name, list, items } of lists) {
    const checked: unknown[] = [];
    for await (const item of inTurns(items, few))
      checked.push(check(list.element as z.ZodType, item, where, [name, checked.length]));
    whole[name] = checked;
  }
  return whole;
}

interface LongList {
  readonly name: string;
  readonly list: z.ZodArray;
  readonly items: readonly unknown[];
}

/** Those that a body has right below it. A schema with rules about several fields is left whole. */
function longLists(schema: z.ZodType, value: unknown): LongList[] {
  if (!(schema instanceof z.ZodObject) || (schema.def.checks?.length ?? 0) > 0) return [];
  return Object.entries(schema.shape).flatMap(([name, field]): LongList[] => {
    if (!(field instanceof z.ZodArray && field.element instanceof z.ZodObject)) return [];
    const items = (value as Readonly<Record<string, unknown>> | null)?.[name];
    return Array.isArray(items) && items.length > few ? [{ name, list: field, items }] : [];
  });
}
