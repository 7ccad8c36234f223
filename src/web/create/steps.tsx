/**
 * Steps: how diffusion works, on a picture of one's own. A scrubber walks from noise to the picture (or from the picture
 * into noise); beside what there is, what the network expects and the latent that it works on.
 */

import { createMemo, createSignal, For, type JSX, onCleanup, Show } from 'solid-js';
import type { KeptStep } from '#api/records/steps';
import { keys } from '../state/keys.ts';
import { useQuery } from '../state/query.ts';
import { useStudio } from '../state/studio.tsx';
import { Group } from '../ui/group.tsx';
import { Icon } from '../ui/icon.tsx';
import { words } from '../words/index.ts';
import { useLatestPictures } from './latest.ts';

/** The setting that keeps a job's steps. */
const keeping = 'keepSteps';
const msPerStep = 250;

export default function Steps() {
  const studio = useStudio();
  const pictures = useLatestPictures();
  const jobs = createMemo(() => [...new Set(pictures().flatMap(({ job }) => job ?? []))].slice(0, 20));
  const kept = useQuery(() => ({
    queryKey: keys.steps(jobs()),
    queryFn: async () => await firstKept(jobs(), async (id) => (await studio.api.getSteps({ id })).steps),
    enabled: jobs().length > 0,
  }));
  const keeps = () => studio.draft.values()[keeping] === true;
  return (
    <div class="flex-1 min-h-0 overflow-auto p-3 md:p-4 flex flex-col gap-4">
      <label class="row cursor-pointer">
        <input
          type="checkbox"
          class="size-5"
          checked={keeps()}
          onChange={({ currentTarget: { checked } }) => studio.draft.set(keeping, checked || undefined)}
        />
        {words().steps.keep}
      </label>
      <Show
        when={kept.data}
        fallback={<p class="text-dim max-w-160">{kept.isLoading ? words().common.loading : words().steps.none}</p>}
      >
        {(steps) => <Walk steps={steps()} />}
      </Show>
    </div>
  );
}

/** Of the newest job that kept any. */
async function firstKept(
  jobs: readonly string[],
  read: (job: string) => Promise<KeptStep[]>,
): Promise<KeptStep[] | null> {
  for (const job of jobs) {
    const steps = await read(job).catch(() => undefined);
    if (steps) return steps;
  }
  return null;
}

function Walk(props: { readonly steps: readonly KeptStep[] }) {
  const [direction, setDirection] = createSignal<KeptStep['direction']>('reverse');
  const walked = createMemo(() => props.steps.filter((step) => step.direction === direction()));
  const [chosen, setChosen] = createSignal<number>();
  const last = () => walked().length - 1;
  const at = () => Math.min(chosen() ?? last(), last());
  const step = () => walked()[at()];
  const [playing, setPlaying] = createSignal(false);
  const timer = setInterval(() => {
    if (!playing()) return;
    if (at() >= last()) setPlaying(false);
    else setChosen(at() + 1);
  }, msPerStep);
  onCleanup(() => clearInterval(timer));
  const play = () => {
    if (at() >= last()) setChosen(0);
    setPlaying((now) => !now);
  };
  const turn = (next: KeptStep['direction']) => {
    setDirection(next);
    setChosen(0);
  };
  return (
    <>
      <Group class="row flex-wrap" label={words().steps.direction}>
        <For each={['reverse', 'forward'] as const}>
          {(each) => (
            <button type="button" class="chip" aria-pressed={direction() === each} onClick={() => turn(each)}>
              {words().steps.directions[each]}
            </button>
          )}
        </For>
      </Group>
      <p class="hint max-w-160">{words().steps.about[direction()]}</p>
      <Show when={step()}>
        {(now) => (
          <>
            <div class="row">
              <button
                type="button"
                class="btn"
                aria-label={playing() ? words().steps.pause : words().steps.play}
                onClick={play}
              >
                <Icon name={playing() ? 'pause' : 'play'} />
              </button>
              <input
                type="range"
                class="flex-1 min-w-30"
                aria-label={words().steps.scrub}
                min={0}
                max={last()}
                step={1}
                value={at()}
                onInput={(event) => {
                  setPlaying(false);
                  setChosen(event.currentTarget.valueAsNumber);
                }}
              />
              <output class="tabular-nums text-sm min-w-16 text-right">{`${at()} / ${last()}`}</output>
            </div>
            <div class="grid sm:grid-cols-2 lg:grid-cols-3 gap-4">
              <Shown src={now().noised} title={words().steps.noised} about={words().steps.noisedAbout} />
              <Show when={now().predicted}>
                {(src) => <Shown src={src()} title={words().steps.predicted} about={words().steps.predictedAbout} />}
              </Show>
              <Show when={now().noise}>
                {(src) => <Shown src={src()} title={words().steps.noise} about={words().steps.noiseAbout} crisp />}
              </Show>
              <Shown src={now().latent} title={words().steps.latent} about={words().steps.latentAbout} crisp />
            </div>
            <Levels steps={walked()} at={at()} />
          </>
        )}
      </Show>
    </>
  );
}

interface ShownProps {
  readonly src: string;
  readonly title: string;
  readonly about: string;
  /** Pixels as they are. */
  readonly crisp?: boolean;
}

function Shown(props: ShownProps): JSX.Element {
  return (
    <figure class="m-0 flex flex-col gap-2">
      <img
        src={props.src}
        alt={props.title}
        class="w-full aspect-square object-contain rounded-xl bg-sunk"
        classList={{ '[image-rendering:pixelated]': props.crisp }}
      />
      <figcaption>
        <b>{props.title}</b> <span class="hint">{props.about}</span>
      </figcaption>
    </figure>
  );
}

interface LevelsProps {
  readonly steps: readonly KeptStep[];
  readonly at: number;
}

const chart = { width: 600, height: 90 };

/** Noise level of every step, on a scale of powers, with the one that is looked at. */
function Levels(props: LevelsProps) {
  const points = createMemo(() => {
    const levels = props.steps.map(({ sigma }) => Math.log10(Math.max(sigma, 1e-3)));
    const [low, high] = [Math.min(...levels), Math.max(...levels)];
    return levels.map((level, at) => ({
      x: (at / Math.max(1, levels.length - 1)) * chart.width,
      y: chart.height * (1 - (level - low) / (high - low || 1)),
    }));
  });
  const now = () => props.steps[props.at]!;
  const snr = () => {
    const { snr: ratio } = now();
    return ratio === undefined ? '∞' : `${(10 * Math.log10(ratio)).toFixed(1)} dB`;
  };
  return (
    <figure class="m-0 card p-4">
      <svg
        viewBox={`-6 -6 ${chart.width + 12} ${chart.height + 12}`}
        class="w-full h-32"
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <polyline
          points={points()
            .map(({ x, y }) => `${x},${y}`)
            .join(' ')}
          fill="none"
          stroke="currentColor"
          stroke-width="2"
          vector-effect="non-scaling-stroke"
        />
        <line
          x1={points()[props.at]!.x}
          x2={points()[props.at]!.x}
          y1="0"
          y2={chart.height}
          stroke="var(--accent)"
          stroke-width="3"
          vector-effect="non-scaling-stroke"
        />
      </svg>
      <figcaption class="tabular-nums text-sm">
        {words().steps.level(now().sigma.toPrecision(3), snr(), now().timestep?.toFixed(0) ?? '–')}
      </figcaption>
    </figure>
  );
}
