/** A network's batch in parts: fewer rows at once take less memory; what each row gets and gives is the same. */

import { type HostTensor, tensor } from '#core/tensor';
import type { Feeds, Session } from '#engine/backend';
import { sameDim } from '#graph/dim';

/** `session` with at most `most` rows a run. `input` names a feed of one row for each of the batch. */
export function inRows(session: Session, input: string, most: number): Session {
  const batch = session.graph.inputs.find(({ attrs }) => attrs.name === input)?.shape[0];
  const isRows = (name: string): boolean =>
    session.graph.inputs.some(({ attrs, shape }) => attrs.name === name && sameDim(shape[0] ?? 1, batch!));
  return {
    graph: session.graph,
    async run(feeds, options) {
      const rows = feeds[input]?.shape[0] ?? 1;
      if (batch === undefined || rows <= most) return session.run(feeds, options);
      const parts: Record<string, HostTensor>[] = [];
      for (let start = 0; start < rows; start += most) {
        const own: Feeds = Object.fromEntries(
          Object.entries(feeds).map(([name, value]) => [name, isRows(name) ? rowsOf(value, start, most) : value]),
        );
        parts.push(await session.run(own));
      }
      return Object.fromEntries(Object.keys(parts[0]!).map((name) => [name, joined(parts.map((part) => part[name]!))]));
    },
    dispose: () => session.dispose(),
  };
}

function rowsOf({ dtype, shape, data }: HostTensor, start: number, most: number): HostTensor {
  const [rows = 1, ...rest] = shape;
  const length = data.length / rows;
  const end = Math.min(start + most, rows);
  return tensor(dtype, [end - start, ...rest], data.subarray(start * length, end * length));
}

function joined(parts: readonly HostTensor[]): HostTensor {
  const [{ dtype, shape, data }] = parts as [HostTensor];
  const rows = parts.reduce((n, part) => n + part.shape[0]!, 0);
  const out = new (data.constructor as Float32ArrayConstructor)((data.length / shape[0]!) * rows);
  let at = 0;
  for (const part of parts) {
    out.set(part.data as Float32Array, at);
    at += part.data.length;
  }
  return tensor(dtype, [rows, ...shape.slice(1)], out as typeof data);
}
