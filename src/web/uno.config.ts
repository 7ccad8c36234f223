/** The page's classes: one scale of spacing and type, colours from `theme/colours.css`, icons as masks. */

import { defineConfig, presetIcons, presetWind4, transformerVariantGroup } from 'unocss';

const colour = (name: string) => `var(--${name})`;

export default defineConfig({
  content: { pipeline: { include: [/\.tsx$/, /\.html$/] } },
  transformers: [transformerVariantGroup()],
  presets: [
    presetWind4({ preflights: { reset: true, theme: 'on-demand' } }),
    presetIcons({ extraProperties: { display: 'inline-block', 'flex-shrink': '0', 'vertical-align': '-0.15em' } }),
  ],
  theme: {
    colors: {
      ground: colour('ground'),
      panel: colour('panel'),
      raised: colour('raised'),
      sunk: colour('sunk'),
      line: colour('line'),
      ink: colour('ink'),
      dim: colour('dim'),
      accent: colour('accent'),
      'accent-strong': colour('accent-strong'),
      'on-accent': colour('on-accent'),
      problem: colour('problem'),
      good: colour('good'),
    },
    breakpoint: { sm: '36rem', md: '54rem', lg: '80rem', xl: '100rem' },
  },
  shortcuts: [
    // As wide, where the window is: with large letters on a phone it is not.
    [/^at-least-(\d+)$/, ([, quarters]) => `min-w-[min(${Number(quarters) / 4}rem,100%)]`],
    {
      row: 'flex items-center gap-2',
      // A picture is what a narrow window is for.
      'picture-room': 'min-h-60 lt-md:min-h-[min(92vw,60dvh)]',
      stack: 'flex flex-col gap-3',
      card: 'bg-panel border border-line rounded-xl',
      'field-box':
        'w-full max-w-full min-h-10 px-3 py-2 bg-raised text-ink border border-line rounded-lg placeholder:text-dim focus:border-accent',
      btn: 'inline-flex items-center justify-center gap-2 max-w-full min-h-10 px-3 rounded-lg border border-line bg-raised text-ink font-medium no-underline cursor-pointer select-none hover:border-dim disabled:(opacity-50 cursor-not-allowed) aria-pressed:(border-accent text-accent)',
      'btn-primary': 'btn bg-accent border-accent text-on-accent hover:(bg-accent-strong border-accent-strong)',
      'btn-quiet': 'btn bg-transparent border-transparent hover:(bg-sunk border-transparent)',
      'btn-danger': 'btn text-problem hover:border-problem',
      chip: 'inline-flex items-center gap-1 max-w-full min-h-8 px-3 rounded-full border border-line bg-raised text-sm cursor-pointer hover:border-dim aria-pressed:(border-accent text-accent)',
      // Below what opened it; on a phone at the lower edge, where it has room.
      popover:
        'absolute z-30 left-0 top-full mt-1 card shadow-lg p-3 stack lt-md:(fixed inset-x-3 top-auto bottom-20 z-40 w-auto!)',
      // A `popover` without the look that browsers give to one.
      'top-layer': 'm-0 p-0 border-0 bg-transparent text-ink overflow-visible top-auto w-auto max-w-none',
      'menu-entry':
        'w-full inline-flex items-center gap-3 min-h-10 px-3 rounded-lg border-0 bg-transparent text-ink text-left no-underline cursor-pointer hover:bg-sunk focus-visible:bg-sunk',
      hint: 'text-sm text-dim',
      'problem-text': 'text-sm text-problem',
      title: 'text-lg font-semibold',
      'truncate-2': 'overflow-hidden line-clamp-2',
    },
  ],
});
