import type { ChaosStack } from './chaos-stack.ts';

export interface Answered {
  readonly status: number;
  /** Empty where the answer is no JSON. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** Sends one request to the HTTP API, with the rights of an operator. @returns undefined when the host died meanwhile */
export async function ask(
  { stack }: Pick<ChaosStack, 'stack'>,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answered | undefined> {
  try {
    const answer = await fetch(`${stack.urls.functions}/api/${path}`, {
      method,
      headers: { 'x-functions-key': stack.functionsKey, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json') === true;
    return { status: answer.status, json: isJson ? (JSON.parse(text) as Answered['json']) : {} };
  } catch {
    return undefined;
  }
}
