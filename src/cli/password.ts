/** Passwords from the terminal without showing them, or from standard input; never from arguments, which others see. */

import { UserError } from '#core/errors';
import type { Output } from './terminal.ts';
import { UsageError } from './usage-error.ts';

export interface SecretInput extends NodeJS.ReadableStream {
  readonly isTTY?: boolean;
  setRawMode?(mode: boolean): unknown;
}

/**
 * @param fromPipe whether standard input was said to hold it
 * @throws UserError `password.none`
 */
export async function readPassword(
  question: string,
  fromPipe: boolean,
  output: Output,
  input: SecretInput = process.stdin,
): Promise<string> {
  if (fromPipe) return await firstLine(input);
  if (input.isTTY !== true || input.setRawMode === undefined) {
    throw new UserError('password.none', 'There is no terminal to ask on; give the password with --password-stdin.');
  }
  output.note(question);
  const password = await hiddenLine(input);
  output.note('Once more:');
  if ((await hiddenLine(input)) === password) return password;
  throw new UserError('password.differs', 'The two passwords differ.');
}

/**
 * Asks before something that cannot be undone.
 * @throws UsageError `confirm.none` where the answer is not yes, or where there is nobody to ask
 */
export async function confirm(question: string, output: Output, input: SecretInput = process.stdin): Promise<void> {
  if (input.isTTY !== true)
    throw new UsageError('confirm.none', `${question} There is no terminal to ask on; give --yes.`);
  output.note(`${question} [y/N]`);
  const answer = await new Promise<string>((resolve) => input.once('data', (data) => resolve(String(data))));
  input.pause();
  if (!/^y(es)?$/i.test(answer.trim())) throw new UsageError('confirm.none', 'Nothing was changed.');
}

async function firstLine(input: SecretInput): Promise<string> {
  let text = '';
  for await (const chunk of input) text += chunk.toString();
  const [line] = text.split(/\r?\n/);
  if (line) return line;
  throw new UserError('password.none', 'Standard input holds no password.');
}

/** A line typed in raw mode: nothing is echoed; Ctrl-C and Ctrl-D give up. */
async function hiddenLine(input: SecretInput): Promise<string> {
  input.setRawMode!(true);
  input.resume();
  try {
    return await new Promise<string>((resolve, reject) => {
      let line = '';
      const onData = (data: Buffer | string): void => {
        for (const key of data.toString()) {
          if (key === '\u0003' || key === '\u0004') end(() => reject(givenUp()));
          else if (key === '\r' || key === '\n') end(() => resolve(line));
          else line = key === '\u007f' || key === '\b' ? line.slice(0, -1) : line + key;
        }
      };
      const end = (outcome: () => void): void => {
        input.off('data', onData);
        outcome();
      };
      input.on('data', onData);
    });
  } finally {
    input.setRawMode!(false);
    input.pause();
  }
}

function givenUp(): UserError {
  return new UserError('password.none', 'No password was given; nothing was changed.');
}
