/** Measured values over the steps, one chart for what belongs together: losses, rates, and the others. */

import 'uplot/dist/uPlot.min.css';
import { createEffect, createMemo, For, onCleanup, onMount } from 'solid-js';
import uPlot from 'uplot';
import { words } from '../words/index.ts';

type Row = Readonly<Record<string, number>>;

/** Noise of single steps is averaged away; what was measured lies behind it, faint. */
const smoothing = 0.9;
const height = 220;
const across = 'step';

export function Curves(props: { readonly rows: readonly Row[] }) {
  const names = createMemo(() => {
    const seen = new Set(props.rows.flatMap((row) => Object.keys(row)));
    seen.delete(across);
    return [...seen];
  });
  const charts = () =>
    (['loss', 'rate'] as const)
      .map((kind) => ({ kind, names: names().filter((name) => name.toLowerCase().includes(kind)) }))
      .filter((chart) => chart.names.length > 0);
  return (
    <div class="grid lg:grid-cols-2 gap-4">
      <For each={charts().map(({ kind }) => kind)}>
        {(kind) => (
          <Chart
            title={words().train.charts[kind]}
            rows={props.rows}
            names={charts().find((each) => each.kind === kind)?.names ?? []}
            smooth={kind === 'loss'}
          />
        )}
      </For>
    </div>
  );
}

interface ChartProps {
  readonly title: string;
  readonly rows: readonly Row[];
  readonly names: readonly string[];
  readonly smooth: boolean;
}

function Chart(props: ChartProps) {
  let place!: HTMLDivElement;
  let plot: uPlot | undefined;
  const steps = () => props.rows.map((row, at) => row[across] ?? at);
  const values = (name: string) => props.rows.map((row) => row[name] ?? null);
  const data = (): uPlot.AlignedData => [
    steps(),
    ...props.names.flatMap((name) => (props.smooth ? [values(name), smoothed(values(name))] : [values(name)])),
  ];
  const style = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const draw = () => {
    plot?.destroy();
    const colours = [style('--accent'), style('--good'), style('--dim')];
    const axis = { stroke: style('--dim'), grid: { stroke: style('--line'), width: 1 } };
    const value = (_plot: uPlot, measured: number | null) => (measured === null ? '' : figure(measured));
    const series = props.names.flatMap((name, at): uPlot.Series[] => {
      const stroke = colours[at % colours.length]!;
      const whole = { label: name, stroke, width: 2, spanGaps: true, value };
      return props.smooth
        ? [
            {
              label: `${name} ·`,
              stroke: `color-mix(in srgb, ${stroke} 30%, transparent)`,
              width: 1,
              spanGaps: true,
              value,
            },
            whole,
          ]
        : [whole];
    });
    plot = new uPlot(
      {
        width: place.clientWidth,
        height,
        scales: { x: { time: false } },
        axes: [axis, { ...axis, size: 70, values: (_plot, ticks) => ticks.map(figure) }],
        series: [{ label: words().train.step, value }, ...series],
        legend: { live: true },
      },
      data(),
      place,
    );
  };
  onMount(() => {
    const observer = new ResizeObserver(() => plot?.setSize({ width: place.clientWidth, height }));
    observer.observe(place);
    onCleanup(() => {
      observer.disconnect();
      plot?.destroy();
    });
  });
  createEffect((before: string | undefined) => {
    const now = props.names.join();
    if (before === now && plot) plot.setData(data());
    else draw();
    return now;
  });
  return (
    <figure class="card p-3 m-0 min-w-0">
      <figcaption class="text-sm font-semibold pb-2">{props.title}</figcaption>
      <div ref={place} role="img" aria-label={words().train.chart(props.title, props.rows.length)} />
    </figure>
  );
}

/** Learning rates are far below what a fixed number of digits shows. */
function figure(value: number): string {
  const short = Number(value.toPrecision(4));
  return short !== 0 && Math.abs(short) < 1e-3 ? short.toExponential() : String(short);
}

/** Exponential mean; gaps stay gaps. */
function smoothed(values: readonly (number | null)[]): (number | null)[] {
  let mean: number | undefined;
  return values.map((value) => {
    if (value === null) return null;
    mean = mean === undefined ? value : smoothing * mean + (1 - smoothing) * value;
    return mean;
  });
}
