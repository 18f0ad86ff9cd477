/**
 * Writes docs/findings.md from the kinds in lib/findings/kinds.ts.
 * Run: `npx node infra/tools/findings-page.ts`. A test compares the page with the code.
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { definitionOf, findingKinds, severities } from '../../lib/findings/kinds.ts';

const page = new URL('../../docs/findings.md', import.meta.url);

/** The whole page. */
export function findingsPage(): string {
  const rank = (kind: (typeof findingKinds)[number]) => severities.indexOf(definitionOf(kind).severity);
  const rows = findingKinds
    .toSorted((a, b) => rank(a) - rank(b))
    .map((kind) => {
      const { severity, repair, meaning, remedy } = definitionOf(kind);
      return `| \`${kind}\` | ${severity} | ${meaning} | ${repair} | ${remedy} |`;
    });
  return `${intro}\n${rows.join('\n')}\n${rest}`;
}

const intro = `# Findings

<!-- Written by infra/tools/findings-page.ts from lib/findings/kinds.ts; change it there. -->

A finding is something that a sweep saw in DPS, in IoT Hub or in the storage that the records do not say. The sweep looks at
every group, enrollment, registration and device record, and at the identities of 100,000 devices per sweep
([LIFECYCLE.md](LIFECYCLE.md#looked-at-again)). It compares what it sees with the records, and fills in the defaults that DPS leaves out. A
fleet with nothing wrong has no findings.

\`GET /api/findings\` lists the open ones, with what was expected and what was seen. \`GET /api/summary\` counts them by severity.
The metric \`fleet.findings.open\` has a value per kind after each sweep, and the alert \`finding-opened\` reports new findings that are
critical or high.

| kind | severity | what it means | repair | what a repair does, or what to do |
| --- | --- | --- | --- | --- |`;

const rest = `
## Repair

- \`self\`: the sweep repairs the finding as soon as it sees it. Such a finding cannot be accepted; change what the records say.
- \`asked\`: an operator asks for the repair: \`POST /api/findings/{findingId}/repair\`, with a reason.
- \`none\`: a person has to act. The finding ends when a later sweep does not see it.

A finding ends when a later sweep looks at the same thing and it is as expected, or when its subject is gone: the group, the device, the entry
in DPS or the identity. A device that a sweep did not look at keeps its findings.

A repair reads the record again and does only what the record asks for by now. So it can be repeated. If it is cut short, the finding
stays open, and the next sweep or request repairs it again. If it fails, the finding has the reason in \`acts\`.

## Accept

\`POST /api/findings/{findingId}/accept\`, with a reason, keeps a finding quiet. It opens again when what is expected or seen changes, and when
it was gone and comes back.

## States

| state | meaning |
| --- | --- |
| \`open\` | waits for a decision |
| \`accepted\` | quiet until it changes |
| \`repaired\` | a repair was made, and no sweep has looked since |
| \`gone\` | a later sweep did not see it; kept for as long as [retention.md](retention.md) says |

## What is not compared

- Devices that a job or an operator works on, and devices that change while the sweep looks at them. The next sweep compares them.
- Certificates of a group with \`est.identity\` at a server of your own: it issues them, and the records do not have them.
- Identities at a hub that did not answer: the log has \`hub not read\`. The next sweep asks the hub again.
- Devices at a hub that are not on record: they belong to others.
- Desired properties of twins: operators and deployments write them.
- Tags of a twin that the row of the device does not have: they belong to others.
- Settings of individual enrollments that were written before the group was declared last. They follow at the next certificate.
- Which certificate a CA name in DPS stands for (\`attestation\` "caReference"): the app has no rights on the management API. \`fleet ca check\` shows it.
`;

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(page, findingsPage());
