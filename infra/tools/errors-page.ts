/**
 * Writes docs/errors.md from the codes in lib/errors.ts.
 * Run: `npx node infra/tools/errors-page.ts`. A test compares the page with the code.
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { errorCodes, FleetError } from '../../lib/errors.ts';

const page = new URL('../../docs/errors.md', import.meta.url);

/** The whole page. */
export function errorsPage(): string {
  const rows = errorCodes.map((code) => {
    const { acts, status, hint } = new FleetError(code, '');
    // Angle brackets would be HTML, and a bar would end the cell.
    const text = hint.replaceAll('<', '&lt;').replaceAll('|', '\\|');
    return `| \`${code}\` | ${acts} | ${status} | ${text} |`;
  });
  return `${intro}\n${rows.join('\n')}\n`;
}

const intro = `# Errors

<!-- Written by infra/tools/errors-page.ts from lib/errors.ts; change it there. -->

Every error has one of these codes: the \`title\` of a problem document (\`application/problem+json\`, RFC 9457), the \`code\` in an error
report, and the \`reason.code\` of a failed job, a failed device or a dead letter.

*Acts* says who has to act before the same work can succeed:

| acts | a row with it is | a retry of the job | its queue message |
| --- | --- | --- | --- |
| sender | rejected | leaves it out | goes to the poison queue |
| operator | failed | processes it | goes to the poison queue |
| nobody | failed | processes it | is delivered again |

*Status* is that of an HTTP answer. *Next* is the hint of the error. [manifests.md](manifests.md) has examples of rows.

| code | acts | status | next |
| --- | --- | --- | --- |`;

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(page, errorsPage());
