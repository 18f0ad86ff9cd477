/**
 * Writes docs/errors.md from the codes in lib/errors.ts.
 * `node infra/tools/errors-page.ts` writes it, `--check` only compares it (exit code 1 if it is out of date).
 */
import { readFile, writeFile } from 'node:fs/promises';
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

Every error has one of these codes. The code is the \`title\` of a problem document (\`application/problem+json\`, RFC 9457) over
HTTP, the \`code\` in a job's error report, and the \`reason.code\` of a failed job, a failed device or a dead letter.

- *Acts* says who has to act before the same work can succeed: the *sender* of the row or request, an *operator*, or
  *nobody*. A row with an error of its sender is counted as rejected. A row with another error is counted as failed, and a retry
  of the job processes it again. A failed queue message is delivered again if nobody has to act. Otherwise it goes to the poison
  queue at once, with its reason.
- *Status* is the HTTP status, if the error reaches an HTTP caller.
- *Next* is the hint of the error.

[manifests.md](manifests.md) shows examples of rows with errors.

| code | acts | status | next |
| --- | --- | --- | --- |`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = errorsPage();
  if (process.argv.includes('--check')) {
    const found = await readFile(page, 'utf8').catch(() => '');
    if (found !== wanted) {
      console.error('docs/errors.md is out of date. Run: node infra/tools/errors-page.ts');
      process.exitCode = 1;
    }
  } else {
    await writeFile(page, wanted);
  }
}
