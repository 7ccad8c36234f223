/** What a backend says of itself while a job is worked on, among the job's own events. */

import type { GenerateEvent } from './request.ts';

/** Before the next event, each sentence once: a picture that it is about comes after it. */
export async function* toldBetween(
  events: AsyncIterable<GenerateEvent>,
  take: () => readonly string[],
): AsyncGenerator<GenerateEvent> {
  const told = new Set<string>();
  const news = function* (): Generator<GenerateEvent> {
    for (const message of take()) {
      if (told.has(message)) continue;
      told.add(message);
      yield { type: 'warning', message };
    }
  };
  for await (const event of events) {
    yield* news();
    yield event;
  }
  yield* news();
}
