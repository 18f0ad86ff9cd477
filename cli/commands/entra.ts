import { withNotes } from '../help.ts';
import type { Root, Run } from '../root.ts';

/*
 * The app registration of a deployment whose callers sign in, in Microsoft Entra. These verbs call Microsoft Graph, not the HTTP API.
 */

const name = ['--name <NAME>', 'display name of the registration', 'fleet-orchestrator'] as const;
const tenant = ['--tenant <ID>', 'directory to sign in to; default: that of az login'] as const;
const graph = ['--graph <URL>', 'Microsoft Graph; other clouds have their own', 'https://graph.microsoft.com'] as const;
const dryRun = ['--dry-run', 'print the calls, and send only those that read'] as const;
const appId = ['--app-id <ID>', 'client id of the registration (ENTRA_CLIENT_ID); default: that of the name'] as const;

export function entraCommands(root: Root, run: Run): void {
  root.commandsGroup("With the operator's own rights:");
  const entra = root
    .command('entra')
    .description('sign-in with Microsoft Entra: the app registration, and who has a role');

  withNotes(
    entra
      .command('setup')
      .description('make the app registration, or complete it: app roles, scope, clients, sign-in in the browser')
      .option(...name)
      .option(...appId)
      .option('--redirect <URL...>', 'address of the app (AZURE_FUNCTION_APP_URL), for the sign-in in the browser')
      .option('--identity <ID>', 'identity of the app in place of a secret (AZURE_APP_IDENTITY_PRINCIPAL_ID)')
      .option('--role <VALUE...>', 'further app roles, for callers that are limited to enrollment groups')
      .option('--client <ID...>', 'further clients that may ask for the scope; the Azure CLI always may')
      .option('--group-claims', 'put ids of assigned security groups into tokens')
      .option(...tenant)
      .option(...graph)
      .option(...dryRun)
      .action(run(async () => (await import('../operator/entra/setup.ts')).setUpEntra)),
    {
      exits: ['notFound'],
      about: [
        'It adds what is missing and takes nothing away. A second run changes nothing.',
        'The least role for it is Application Administrator or Cloud Application Administrator.',
      ],
      examples: [
        'fleet entra setup --dry-run',
        'fleet entra setup',
        'fleet entra setup --redirect "$AZURE_FUNCTION_APP_URL" --identity "$AZURE_APP_IDENTITY_PRINCIPAL_ID"',
      ],
    },
  );

  withNotes(
    entra
      .command('assign')
      .description('give an app role to people, security groups and applications')
      .argument('<ROLE>', 'reader, submitter, operator, or a further one of the registration')
      .option('--person <NAME...>', 'sign-in name or object id')
      .option('--group <ID...>', 'object id of a security group')
      .option('--application <ID...>', 'client id of an application or a managed identity')
      .option(...name)
      .option(...appId)
      .option(...tenant)
      .option(...graph)
      .option(...dryRun)
      .action(run(async () => (await import('../operator/entra/assign.ts')).assignRole)),
    {
      exits: ['notFound'],
      about: ['For an application, the assignment is the consent of an administrator.'],
      examples: [
        'fleet entra assign operator --person ada@example.com',
        'fleet entra assign submitter --application "$ERP_CLIENT_ID"',
      ],
    },
  );
}
