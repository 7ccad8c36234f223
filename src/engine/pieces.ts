/** Compiles a graph piece by piece (graph/split.ts): the runtime holds the weights of one piece at a time twice. */

import type { HostTensor } from '#core/tensor';
import { splitGraph } from '#graph/split';
import type { Graph } from '#graph/value';
import type { Backend, CompileOptions, Feeds, RunOptions, Session } from './backend.ts';

/** A session of the whole graph made of `count` or fewer. */
export async function compileInPieces(
  backend: Backend,
  graph: Graph,
  options: CompileOptions,
  count: number,
): Promise<Session> {
  if (count <= 1) return backend.compile(graph, options);
  const pieces: Session[] = [];
  try {
    for (const piece of splitGraph(graph, count)) pieces.push(await backend.compile(piece, options));
  } catch (error) {
    await disposeAll(pieces);
    throw error;
  }
  return { graph, run: (feeds, given) => runInTurn(graph, pieces, feeds, given), dispose: () => disposeAll(pieces) };
}

async function disposeAll(pieces: readonly Session[]): Promise<void> {
  for (const piece of pieces) await piece.dispose();
}

async function runInTurn(
  graph: Graph,
  pieces: readonly Session[],
  feeds: Feeds,
  { into = {} }: RunOptions = {},
): Promise<Record<string, HostTensor>> {
  const known = new Map(Object.entries(feeds));
  const wanted = new Map<string, number>();
  pieces.forEach(({ graph: { inputs } }, i) => {
    for (const { attrs } of inputs) wanted.set(attrs.name, i);
  });
  for (const [i, piece] of pieces.entries()) {
    const leaves = [...piece.graph.inputs, ...piece.graph.parameters].map(({ attrs }) => attrs.name);
    const own = leaves.flatMap((name) => (known.has(name) ? [[name, known.get(name)!] as const] : []));
    const results = await piece.run(Object.fromEntries(own), {
      into: Object.fromEntries(Object.entries(into).filter(([name]) => name in piece.graph.outputs)),
    });
    for (const [name, value] of Object.entries(results)) known.set(name, value);
    for (const name of leaves) if (wanted.get(name) === i && name.startsWith('cut.')) known.delete(name);
  }
  return Object.fromEntries(Object.keys(graph.outputs).map((name) => [name, known.get(name)!]));
}
