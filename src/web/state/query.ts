/**
 * Questions to the server: TanStack's cache and observers, read as a store that never suspends. TanStack's own hook for
 * Solid reads even cached data through a resource that is unresolved for a moment, and with it takes away the view that
 * the question was asked in: the prompt that someone is typing into, and its focus. Here what is not there yet is
 * undefined, and a view says itself what it shows meanwhile.
 */

import {
  type InfiniteData,
  InfiniteQueryObserver,
  type QueryKey,
  QueryObserver,
  type UseInfiniteQueryOptions,
  type UseInfiniteQueryResult,
  type UseQueryOptions,
  type UseQueryResult,
  useQueryClient,
} from '@tanstack/solid-query';
import { createComputed, createMemo, on, onCleanup } from 'solid-js';
import { createStore, reconcile } from 'solid-js/store';

/** What is used of an observer of either kind. */
interface Observer<Options, Result> {
  setOptions(options: Options): void;
  getCurrentResult(): Result;
  getCurrentQuery(): { readonly queryHash: string };
  subscribe(listener: (result: Result) => void): () => void;
}

interface Told {
  readonly data: unknown;
  readonly isPlaceholderData: boolean;
}

/**
 * An answer that the store takes as it is: through plain objects it walks to their ends whenever it is told something,
 * through those of a class it does not. For 50,000 pictures that is a second for each page that comes.
 */
class Whole {
  constructor(answer: object) {
    Object.assign(this, answer);
  }
}

/** The same answer stays the same object, so that nobody looks through it again. */
function wholeAnswers(): (answer: unknown) => unknown {
  let last: { readonly answer: unknown; readonly whole: Whole } | undefined;
  return (answer) => {
    if (typeof answer !== 'object' || answer === null) return answer;
    if (last?.answer !== answer) last = { answer, whole: new Whole(answer) };
    return last.whole;
  };
}

/**
 * The state of one question and its answer, followed until the owner goes.
 *
 * `merge`: rows that changed stay the same element under someone's pointer, by their ids. Else they are new ones, and
 * an answer costs the same however long it is.
 */
function followed<Options, Result extends Told>(
  options: () => Options,
  observe: (options: Options) => Observer<Options, Result>,
  merge: boolean,
): Result {
  const observer = observe(options());
  const whole = wholeAnswers();
  const told = (result: Result): Result => (merge ? { ...result } : { ...result, data: whole(result.data) });
  const [answer, setAnswer] = createStore({ state: told(observer.getCurrentResult()) });
  /** The question that the data shown answers: only another answer of the same one may be merged into it. */
  let answered: string | undefined;
  const take = (result: Result) => {
    const before = answered;
    answered = result.isPlaceholderData ? undefined : observer.getCurrentQuery().queryHash;
    const same = merge && before !== undefined && before === answered;
    setAnswer('state', same ? reconcile(told(result), { key: 'id' }) : told(result));
  };
  take(observer.getCurrentResult());
  // It asks now, and may tell at once.
  onCleanup(observer.subscribe(take));
  const change = (changed: Options) => {
    observer.setOptions(changed);
    take(observer.getCurrentResult());
  };
  createComputed(on(options, change, { defer: true }));
  return answer.state;
}

/** A question whose answer comes whole. */
export function useQuery<Data, Key extends QueryKey>(
  options: UseQueryOptions<Data, Error, Data, Key>,
): UseQueryResult<Data> {
  const client = useQueryClient();
  return followed(createMemo(options), (first) => new QueryObserver(client, first), true);
}

/** A question whose answer comes page by page. */
export function useInfiniteQuery<Page, Key extends QueryKey, Cursor>(
  options: UseInfiniteQueryOptions<Page, Error, InfiniteData<Page>, Key, Cursor>,
): UseInfiniteQueryResult<InfiniteData<Page>> {
  const client = useQueryClient();
  return followed(createMemo(options), (first) => new InfiniteQueryObserver(client, first), false);
}
