/** Short messages at the edge of the page: errors stay until closed, others go by themselves. */

export interface Notice {
  readonly id: number;
  readonly kind: 'error' | 'info';
  readonly text: string;
  /** What to do about it. */
  readonly remedy?: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

const most = 4;

/** The same error is said once; of too many, the oldest goes. */
export function putNotice(notices: readonly Notice[], notice: Notice): Notice[] {
  const others = notices.filter(({ kind, text }) => kind !== notice.kind || text !== notice.text || kind === 'info');
  return [...others, notice].slice(-most);
}
