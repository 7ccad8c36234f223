/** A notification of the system when a picture is done and the page is not looked at; only if the person switched it on. */

const key = 'darkroom.notify';

export function notifies(): boolean {
  return localStorage.getItem(key) === 'on' && 'Notification' in window && Notification.permission === 'granted';
}

/** @returns whether it is on now: the browser asks, and may refuse */
export async function setNotifies(wanted: boolean): Promise<boolean> {
  const allowed = wanted && 'Notification' in window && (await Notification.requestPermission()) === 'granted';
  localStorage.setItem(key, allowed ? 'on' : 'off');
  return allowed;
}

export function notify(title: string, picture: { readonly icon: string; readonly path: string }): void {
  if (!document.hidden || !notifies()) return;
  const notification = new Notification(title, { icon: picture.icon });
  notification.onclick = () => {
    window.focus();
    history.pushState(null, '', picture.path);
    dispatchEvent(new PopStateEvent('popstate'));
  };
}
