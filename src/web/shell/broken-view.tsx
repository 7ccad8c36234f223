/** In the place of a view that did not come or broke: what happened, and the button that helps. */

import { createResource, Show } from 'solid-js';
import { isMissingFile, reloadIfOutdated } from '../state/build.ts';
import { Empty } from '../ui/empty.tsx';
import { Icon } from '../ui/icon.tsx';
import { words } from '../words/index.ts';

export function BrokenView(props: { readonly error: unknown }) {
  const missing = isMissingFile(props.error);
  // The console and whoever watches it should know as well.
  if (!missing) reportError(props.error);
  const [reloads] = createResource(missing, reloadIfOutdated);
  const text = () => {
    const { error } = props;
    return missing ? words().broken.missing : words().broken.view(error instanceof Error ? error.message : '');
  };
  return (
    <Show when={!missing || reloads.latest === false}>
      <div role="alert">
        <Empty text={text()}>
          <p>{words().broken.kept}</p>
          <button type="button" class="btn-primary" onClick={() => location.reload()}>
            <Icon name="reuse" /> {words().broken.again}
          </button>
        </Empty>
      </div>
    </Show>
  );
}
