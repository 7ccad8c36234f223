/** The token of this tab, for as long as the tab lives. Storage may be switched off; then the cookie alone serves. */

const key = 'darkroom.token';

export function storedToken(): string | undefined {
  try {
    return sessionStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

export function keepToken(token: string): void {
  try {
    sessionStorage.setItem(key, token);
  } catch {
    // Signed in until the next load.
  }
}

export function forgetToken(): void {
  try {
    sessionStorage.removeItem(key);
  } catch {
    // Nothing was kept.
  }
}
