/** The whole page: sign-in where the server asks for it, else the rail, the header and the view of the address. */

import { Route, Router, type RouteSectionProps } from '@solidjs/router';
import { QueryClientProvider } from '@tanstack/solid-query';
import { lazy, Match, Show, Suspense, Switch } from 'solid-js';
import { type Studio, StudioProvider, useStudio } from '../state/studio.tsx';
import { words } from '../words/index.ts';
import { Header } from './header.tsx';
import { Notices } from './notices.tsx';
import { Rail } from './rail.tsx';
import { SignIn } from './sign-in.tsx';
import { Spoken } from './spoken.tsx';

const Create = lazy(async () => await import('../create/view.tsx'));
const Gallery = lazy(async () => await import('../gallery/view.tsx'));
const Picture = lazy(async () => await import('../gallery/picture.tsx'));
const Models = lazy(async () => await import('../models/view.tsx'));
const ModelDetail = lazy(async () => await import('../models/detail.tsx'));
const Queue = lazy(async () => await import('../queue/view.tsx'));
const Train = lazy(async () => await import('../train/view.tsx'));
const TrainingRun = lazy(async () => await import('../train/run.tsx'));
const Settings = lazy(async () => await import('../settings/view.tsx'));

export function App(props: { readonly studio: Studio }) {
  return (
    <QueryClientProvider client={props.studio.client}>
      <StudioProvider studio={props.studio}>
        <Router root={Frame}>
          <Route path="/" component={Create} />
          <Route path="/gallery" component={Gallery} />
          <Route path="/gallery/:id" component={Picture} />
          <Route path="/models" component={Models} />
          <Route path="/models/:id" component={ModelDetail} />
          <Route path="/queue" component={Queue} />
          <Route path="/train" component={Train} />
          <Route path="/train/:id" component={TrainingRun} />
          <Route path="/settings" component={Settings} />
          <Route path="*" component={Create} />
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
                <Suspense fallback={<p class="p-6 text-dim">{words().common.loading}</p>}>{props.children}</Suspense>
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
