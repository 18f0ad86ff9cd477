import type { Stack } from './stack.ts';

/**
 * The address of a screen of the console that signs in by itself. Browsers do not send a fragment.
 * @param path of the screen. @example consoleLink(stack, 'jobs/3f2a9c4e8b1d7a6050c3e9f1')
 */
export function consoleLink({ urls, functionsKey }: Pick<Stack, 'urls' | 'functionsKey'>, path = ''): string {
  return `${urls.functions}/console/${path}#key=${encodeURIComponent(functionsKey)}`;
}
