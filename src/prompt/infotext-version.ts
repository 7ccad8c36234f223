/**
 * The order of web UI versions such as `v1.7.0-225-gabcdef0`, for infotext written by older ones.
 *
 * Source: PEP 440 (release, pre-, post- and development parts; epochs and local parts are left out).
 */

export interface WebUiVersion {
  readonly release: readonly number[];
  /** Sorts within a release: development before pre-releases before the release before post-releases. */
  readonly stage: readonly number[];
}

const VERSION =
  /^v?(\d+(?:\.\d+)*)(?:[-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?(\d*))?(?:-(\d+)|[-_.]?(?:post|rev|r)[-_.]?(\d*))?(?:[-_.]?dev[-_.]?(\d*))?$/iu;

const PRE_RANKS: Readonly<Record<string, number>> = { a: 1, alpha: 1, b: 2, beta: 2, c: 3, rc: 3, pre: 3, preview: 3 };
const DEVELOPMENT = 0;
const FINAL = 4;

/** Undefined for what is no version; a second dash and what follows it (a commit) are left out. */
export function parseVersion(text: string): WebUiVersion | undefined {
  const withoutCommit = /^([^-]+-[^-]+)-/u.exec(text)?.[1] ?? text;
  const match = VERSION.exec(withoutCommit.trim());
  if (match === null) return undefined;
  const [, release, pre, preNumber, dashPost, post, dev] = match;
  const postNumber = dashPost ?? post;
  const rank = pre !== undefined ? PRE_RANKS[pre.toLowerCase()]! : FINAL;
  const onlyDevelopment = dev !== undefined && pre === undefined && postNumber === undefined;
  return {
    release: release!.split('.').map(Number),
    stage: [
      onlyDevelopment ? DEVELOPMENT : rank,
      Number(preNumber ?? 0),
      postNumber === undefined ? -1 : Number(postNumber),
      dev === undefined ? Number.POSITIVE_INFINITY : Number(dev),
    ],
  };
}

/** False if either is no version. */
export function isOlder(versionText: string, thanText: string): boolean {
  const version = parseVersion(versionText);
  const than = parseVersion(thanText);
  if (version === undefined || than === undefined) return false;
  const parts = Math.max(version.release.length, than.release.length);
  for (let i = 0; i < parts; i++) {
    const difference = (version.release[i] ?? 0) - (than.release[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  const stage = version.stage.findIndex((part, i) => part !== than.stage[i]);
  return stage >= 0 && version.stage[stage]! < than.stage[stage]!;
}
