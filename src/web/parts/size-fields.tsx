/** Size: shapes of the model's own area, and both sides by hand. */

import { createMemo, For, Show } from 'solid-js';
import type { WireLimits } from '#server/native/wire';
import { numberControl, type Size, sameSize, sizePresets, snapSide } from '../state/controls.ts';
import type { Studio } from '../studio.ts';
import { NumberInput } from './fields.tsx';
import { Icon } from './icons.tsx';

export function SizeFields(props: { readonly studio: Studio }) {
  return (
    <Show when={props.studio.state.limits} fallback={<div class="size-awaited" aria-busy="true" />}>
      {(limits) => <Sizes studio={props.studio} limits={limits()} />}
    </Show>
  );
}

function Sizes(props: { readonly studio: Studio; readonly limits: WireLimits }) {
  const { studio } = props;
  const side = () => numberControl(studio.state.controls!, 'width');
  const presets = createMemo(() => sizePresets(props.limits, side()));
  const size = (): Size => {
    const { width, height } = studio.draft()!;
    const { defaultSize } = props.limits;
    return { width: width || defaultSize.width, height: height || defaultSize.height };
  };
  const problem = () => studio.state.fieldErrors['width'] ?? studio.state.fieldErrors['height'];
  const set = (change: Partial<Size>) => {
    const { width, height } = { ...size(), ...change };
    studio.change({ width: snapSide(width, props.limits, side()), height: snapSide(height, props.limits, side()) });
  };
  return (
    <fieldset class="field size">
      <legend>Size</legend>
      <div class="presets">
        <For each={presets()}>
          {(preset) => (
            <button
              type="button"
              aria-pressed={sameSize(preset, size())}
              title={`${preset.name}: ${preset.width} × ${preset.height}`}
              onClick={() => set({ width: preset.width, height: preset.height })}
            >
              <span
                class="shape"
                style={{ 'aspect-ratio': `${preset.width} / ${preset.height}` }}
                data-tall={preset.height > preset.width}
              />
              {preset.name}
            </button>
          )}
        </For>
      </div>
      <div class="sides">
        <NumberInput
          label="Width"
          control={side()}
          step={props.limits.gridMultiple}
          value={size().width}
          onChange={(width) => set({ width })}
        />
        <button
          type="button"
          class="quiet"
          aria-label="Swap width and height"
          title="Swap width and height"
          onClick={() => set({ width: size().height, height: size().width })}
        >
          <Icon name="swap" />
        </button>
        <NumberInput
          label="Height"
          control={side()}
          step={props.limits.gridMultiple}
          value={size().height}
          onChange={(height) => set({ height })}
        />
      </div>
      <Show when={problem()}>
        <small class="problem" role="alert">
          {problem()}
        </small>
      </Show>
    </fieldset>
  );
}
