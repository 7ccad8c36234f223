/** The way between the views: a rail on wide screens, a bar at the bottom of narrow ones. */

import { A } from '@solidjs/router';
import { For, Show } from 'solid-js';
import { useOpenJobs } from '../state/queries.ts';
import { Icon, type IconName } from '../ui/icon.tsx';
import type { Words } from '../words/en.ts';
import { words } from '../words/index.ts';

/** The views, in the order of the rail. */
const views: readonly { readonly path: string; readonly icon: IconName; readonly name: keyof Words['nav'] }[] = [
  { path: '/', icon: 'create', name: 'create' },
  { path: '/gallery', icon: 'gallery', name: 'gallery' },
  { path: '/models', icon: 'models', name: 'models' },
  { path: '/queue', icon: 'queue', name: 'queue' },
  { path: '/train', icon: 'train', name: 'train' },
  { path: '/lab', icon: 'lab', name: 'lab' },
  { path: '/settings', icon: 'settings', name: 'settings' },
];

export function Rail() {
  const jobs = useOpenJobs();
  const open = () => jobs.data?.length ?? 0;
  return (
    <nav
      aria-label="Darkroom"
      class="z-30 bg-panel border-line fixed bottom-0 inset-x-0 border-t md:(sticky top-0 bottom-auto inset-x-auto h-dvh w-20 border-t-0 border-r shrink-0)"
    >
      <ul class="flex overflow-x-auto md:(flex-col overflow-visible gap-1 pt-4)">
        <li class="hidden md:flex justify-center pb-4" aria-hidden="true">
          <img src="/favicon.svg" alt="" width="36" height="36" />
        </li>
        <For each={views}>
          {({ path, icon, name }) => (
            <li class="flex-1 md:px-2">
              <A
                href={path}
                end={path === '/'}
                class="relative flex flex-col items-center gap-1 py-2 rounded-lg text-xs lt-md:text-[0.6875rem] lt-sm:text-[0.625rem] no-underline text-dim hover:text-ink"
                activeClass="!text-accent md:bg-sunk font-semibold"
              >
                <Icon name={icon} class="size-6" />
                {words().nav[name]}
                <Show when={path === '/queue' && open() > 0}>
                  <span class="absolute top-1 left-1/2 ml-2 min-w-5 px-1 rounded-full bg-accent text-on-accent text-xs text-center tabular-nums">
                    {open()}
                  </span>
                </Show>
              </A>
            </li>
          )}
        </For>
      </ul>
    </nav>
  );
}
