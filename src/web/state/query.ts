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
  const [answer, setAnswer] = createStore({ state: { ...observer.getCurrentResult() } });
  /** The question that the data shown answers: only another answer of the same one may be merged into it. */
  let answered: string | undefined;
  const take = (result: Result) => {
    const before = answered;
    answered = result.isPlaceholderData ? undefined : observer.getCurrentQuery().queryHash;
    const same = merge && before !== undefined && before === answered;
    setAnswer('state', same ? reconcile({ ...result }, { key: 'id' }) : { ...result });
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
