/**
 * Steps: how diffusion works, on a picture of one's own. A scrubber walks from noise to the picture (or from the picture
 * into noise); beside what there is, what the network expects and the latent that it works on.
 */

import { createMemo, createSignal, For, type JSX, onCleanup, Show } from 'solid-js';
import type { KeptStep } from '#api/records/steps';
import type { WireImage, WireJob } from '#server/native/wire';
import { type Api, ApiError, fileAddress } from '../api.ts';
import { dataUrl } from '../canvas/pictures.ts';
import { recall } from '../state/draft.ts';
import { keys } from '../state/keys.ts';
import { useJob, usePictureJobs } from '../state/queries.ts';
import { useQuery } from '../state/query.ts';
import { useMayMake, useStudio } from '../state/studio.tsx';
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
  const kept = useQuery(() => ({
    queryKey: keys.steps(pictures()[0]?.job ?? ''),
    queryFn: async () => await newestKept(studio.api),
    enabled: pictures().length > 0,
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
        fallback={
          <>
            <p class="text-dim max-w-160">{kept.isLoading ? words().common.loading : words().steps.none}</p>
            <Show when={!kept.isLoading && pictures()[0]}>{(image) => <DrawAgain image={image()} />}</Show>
          </>
        }
      >
        {(steps) => <Walk steps={steps()} />}
      </Show>
    </div>
  );
}

/** Looked back over so many jobs; the studio keeps no more of them. */
const jobsLookedAt = 100;

/** Steps of the newest job that kept any; jobs say whether they were asked to. */
async function newestKept(api: Api): Promise<KeptStep[] | null> {
  const { jobs } = await api.listJobs({ limit: jobsLookedAt });
  for (const { id } of jobs.filter((job) => job.request[keeping] === true)) {
    const { steps } = await api.getSteps({ id });
    if (steps.length > 0) return steps;
  }
  return null;
}

/** The same picture once more, this time with its steps. */
function DrawAgain(props: { readonly image: WireImage }) {
  const studio = useStudio();
  const mayMake = useMayMake();
  const jobs = usePictureJobs();
  const job = useJob(() => props.image.job);
  const again = async () => {
    const { fields } = studio.draft;
    const inputs = await studio.attempt(async () => await inputsOf(job.data!));
    if (inputs) await studio.submit({ ...recall({ ...props.image }, fields()), ...inputs, [keeping]: true });
  };
  return (
    <Show when={mayMake() && job.data?.inputs.every((role) => role in startFields)}>
      <button type="button" class="btn self-start" disabled={jobs().length > 0} onClick={() => void again()}>
        <Icon name="reuse" /> {words().steps.again}
      </button>
    </Show>
  );
}

/** Pictures that a job begins with, by the fields of its request that name them; units of control name their own. */
const startFields: Readonly<Record<string, string>> = { init: 'init', mask: 'mask', 'latent-mask': 'latentMask' };

async function inputsOf({ id, inputs }: WireJob): Promise<Record<string, string>> {
  const entries = inputs.map(async (role) => {
    const response = await fetch(fileAddress('getJobInput', { id, role }));
    if (!response.ok) throw new ApiError('page.picture-gone', words().canvas.unreadable, 0, role);
    return [startFields[role]!, await dataUrl(await response.blob())] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
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
                class="flex-1 at-least-30"
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
            <div class="grid grid-cols-2 lg:grid-cols-4 gap-4">
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
        <b class="block">{props.title}</b> <span class="hint">{props.about}</span>
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
