/** The whole page: sign-in where the server asks for it, else the rail, the header and the view of the address. */

import { Route, Router, type RouteSectionProps } from '@solidjs/router';
import { QueryClientProvider } from '@tanstack/solid-query';
import { type Component, ErrorBoundary, For, lazy, Match, Show, Suspense, Switch } from 'solid-js';
import { type PageView, pageViews } from '#api/page-views';
import { type Studio, StudioProvider, useStudio } from '../state/studio.tsx';
import { words } from '../words/index.ts';
import { BrokenView } from './broken-view.tsx';
import { Header } from './header.tsx';
import { Notices } from './notices.tsx';
import { Rail } from './rail.tsx';
import { SignIn } from './sign-in.tsx';
import { Spoken } from './spoken.tsx';

/** The view of each address; each comes when it is first looked at. */
const views: Readonly<Record<PageView, Component & { preload: () => Promise<unknown> }>> = {
  '/': lazy(async () => await import('../create/view.tsx')),
  '/gallery': lazy(async () => await import('../gallery/view.tsx')),
  '/gallery/:id': lazy(async () => await import('../gallery/picture.tsx')),
  '/models': lazy(async () => await import('../models/view.tsx')),
  '/models/:id': lazy(async () => await import('../models/detail.tsx')),
  '/queue': lazy(async () => await import('../queue/view.tsx')),
  '/train': lazy(async () => await import('../train/view.tsx')),
  '/train/:id': lazy(async () => await import('../train/run.tsx')),
  '/datasets/:name': lazy(async () => await import('../train/dataset.tsx')),
  '/lab': lazy(async () => await import('../lab/view.tsx')),
  '/lab/:name': lazy(async () => await import('../lab/tool.tsx')),
  '/lab/experiments/:name': lazy(async () => await import('../lab/experiment.tsx')),
  '/lab/runs/:id': lazy(async () => await import('../lab/run.tsx')),
  '/settings': lazy(async () => await import('../settings/view.tsx')),
};

/** Asked for while the server still tells what there is: the view is there as soon as it can be drawn. */
export function preloadView(address: string): void {
  const parts = address.split('/');
  const fits = (path: string) => {
    const wanted = path.split('/');
    return wanted.length === parts.length && wanted.every((part, at) => part.startsWith(':') || part === parts[at]);
  };
  const found = pageViews.find((path) => !path.includes(':') && fits(path)) ?? pageViews.find(fits) ?? '/';
  // What does not come is said where the view is drawn.
  void views[found].preload().catch(() => {});
}

export function App(props: { readonly studio: Studio }) {
  return (
    <QueryClientProvider client={props.studio.client}>
      <StudioProvider studio={props.studio}>
        <Router root={Frame}>
          <For each={pageViews}>{(path) => <Route path={path} component={views[path]} />}</For>
          <Route path="*" component={views['/']} />
        </Router>
      </StudioProvider>
    </QueryClientProvider>
  );
}

function Frame(props: RouteSectionProps) {
  const studio = useStudio();
  return (
    <>
      <Switch>
        <Match when={studio.phase() === 'starting' || studio.phase() === 'unreachable'}>
          <main class="min-h-dvh flex flex-col items-center justify-center gap-8 p-6 text-center" aria-busy="true">
            <div class="safelight" />
            <p role="status">{studio.phase() === 'starting' ? words().gate.opening : words().gate.unreachable}</p>
          </main>
        </Match>
        <Match when={studio.phase() === 'sign-in'}>
          <SignIn />
        </Match>
        <Match when={studio.phase() === 'ready'}>
          <a href="#content" class="sr-only focus:not-sr-only focus:(fixed top-2 left-2 z-50 btn)">
            {words().nav.skip}
          </a>
          <div class="min-h-dvh md:flex">
            <Rail />
            <div class="flex-1 min-w-0 flex flex-col pb-20 md:pb-0">
              <Header />
              <Show when={!studio.live()}>
                <p role="status" class="px-4 py-2 bg-sunk text-center text-sm">
                  {words().live.lost}
                </p>
              </Show>
              <main id="content" class="flex-1 min-h-0 flex flex-col" tabindex="-1">
                <ErrorBoundary fallback={(error) => <BrokenView error={error} />}>
                  <Suspense fallback={<p class="p-6 text-dim">{words().common.loading}</p>}>{props.children}</Suspense>
                </ErrorBoundary>
              </main>
            </div>
          </div>
          <Spoken />
        </Match>
      </Switch>
      <Notices />
    </>
  );
}
