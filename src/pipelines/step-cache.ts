/**
 * A step cache: every so many denoiser calls the whole network is run, between them its shallow part alone with what
 * the deep part made last. Ma et al. 2024 (arXiv:2312.00858), with even intervals.
 */

import { sizeOf } from '#core/tensor';
import type { Feeds, Session } from '#engine/backend';
import { deepFeatures } from '#models/adjust/deep-cache';

/** A session for one run of a sampler; `whole` gives the deep features that `shallow` takes. */
export function cachedSession(whole: Session, shallow: Session, interval: number): Session {
  // By the shapes of what is asked: passes with texts of other lengths have runs of their own.
  const kept = new Map<string, { features: Feeds[string]; uses: number }>();
  const own = new Set(shallow.graph.inputs.map(({ attrs }) => attrs.name));
  return {
    graph: whole.graph,
    async run(feeds, options) {
      const key = [feeds.sample, feeds.context].map((tensor) => tensor?.shape.join()).join(' ');
      const cached = kept.get(key);
      if (cached && cached.uses < interval - 1) {
        cached.uses++;
        const known = Object.fromEntries(Object.entries(feeds).filter(([name]) => own.has(name)));
        return await shallow.run({ ...known, [deepFeatures]: cached.features }, options);
      }
      const { [deepFeatures]: features, ...outputs } = await whole.run(feeds, options);
      if (features && sizeOf(features.shape) > 0) kept.set(key, { features, uses: 0 });
      return outputs;
    },
    dispose: () => whole.dispose(),
  };
}
