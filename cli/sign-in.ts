import type { TokenCredential } from '@azure/identity';
import { CliError, exitCodes } from './errors.ts';
import type { SignIn } from './profiles.ts';
import type { Target } from './target.ts';
import type { Terminal } from './terminal.ts';

/** The headers that show who calls. */
export type Credentials = () => Promise<Readonly<Record<string, string>>>;

/**
 * A function key, or a token of Microsoft Entra. `entra` tries Azure CLI, Azure Developer CLI, the environment (workload
 * identity of CI included), and then a device code if a person is there to type it.
 */
export function credentialsOf(target: Target, terminal: Terminal): Credentials {
  if (target.auth === 'key') {
    const headers: Record<string, string> = target.key === undefined ? {} : { 'x-functions-key': target.key };
    return async () => headers;
  }
  let credential: Promise<TokenCredential> | undefined;
  return async () => {
    // The library takes longer to load than the rest of the command line together.
    credential ??= import('@azure/identity').then((identity) => credentialOf(identity, target, terminal));
    try {
      const token = await (await credential).getToken(target.scope ?? '', { abortSignal: terminal.signal });
      if (token === null) throw new Error('There is no token.');
      return { authorization: `Bearer ${token.token}` };
    } catch (error) {
      if (terminal.signal.aborted) throw terminal.signal.reason;
      throw new CliError(exitCodes.access, `Cannot sign in to ${target.url}: ${firstLine(error)}`, {
        hint: hintOf(target.auth, (error as Error).message),
        cause: error,
      });
    }
  };
}

type Identity = typeof import('@azure/identity');

function credentialOf(identity: Identity, { auth, tenant }: Target, terminal: Terminal): TokenCredential {
  const tenantId = tenant === undefined ? {} : { tenantId: tenant };
  const deviceCode = () =>
    new identity.DeviceCodeCredential({
      ...tenantId,
      userPromptCallback: ({ message }) => void terminal.stderr.write(`${message}\n`),
    });
  const one: Record<Exclude<SignIn, 'key' | 'entra'>, () => TokenCredential> = {
    'azure-cli': () => new identity.AzureCliCredential(tenantId),
    'azure-developer-cli': () => new identity.AzureDeveloperCliCredential(tenantId),
    environment: () => environment(identity, terminal.env),
    'device-code': deviceCode,
  };
  if (auth !== 'entra' && auth !== 'key') return one[auth]();
  const { env, isTerminal } = terminal;
  const hasEnvironment = env['AZURE_FEDERATED_TOKEN_FILE'] !== undefined || env['AZURE_CLIENT_ID'] !== undefined;
  return new identity.ChainedTokenCredential(
    ...(hasEnvironment ? [environment(identity, env)] : []),
    one['azure-cli'](),
    one['azure-developer-cli'](),
    ...(isTerminal.stdin && isTerminal.stderr ? [deviceCode()] : []),
  );
}

function environment(identity: Identity, env: Terminal['env']): TokenCredential {
  const isWorkload = env['AZURE_FEDERATED_TOKEN_FILE'] !== undefined;
  return isWorkload ? new identity.WorkloadIdentityCredential() : new identity.EnvironmentCredential();
}

function firstLine(error: unknown): string {
  return (error as Error).message.split('\n')[0]?.slice(0, 300) ?? '';
}

function hintOf(auth: SignIn, message: string): string {
  // https://learn.microsoft.com/entra/identity-platform/reference-error-codes
  if (message.includes('AADSTS65001')) {
    return 'The app registration has to expose a scope, and to let the Azure CLI ask for it: fleet entra setup.';
  }
  return auth === 'entra' || auth === 'azure-cli'
    ? 'Run az login.'
    : `The profile signs in by ${auth}. Name another way: fleet profile add --auth.`;
}
