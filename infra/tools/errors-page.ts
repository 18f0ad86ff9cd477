/**
 * Writes docs/errors.md from the codes in lib/errors.ts.
 * `node infra/tools/errors-page.ts` writes it, `--check` only says whether it is as it should be (exit code 1 if not).
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { errorCodes, FleetError } from '../../lib/errors.ts';

const page = new URL('../../docs/errors.md', import.meta.url);

/** The whole page. */
export function errorsPage(): string {
  const rows = errorCodes.map((code) => {
    const { status, retry, hint } = new FleetError(code, '');
    // Angle brackets would be HTML, and a bar would end the cell.
    const text = hint.replaceAll('<', '&lt;').replaceAll('|', '\\|');
    return `| \`${code}\` | ${status} | ${retry ? 'yes' : 'no'} | ${text} |`;
  });
  return `${intro}\n${rows.join('\n')}\n`;
}

const intro = `# Errors

<!-- Written by infra/tools/errors-page.ts from lib/errors.ts; change it there. -->

Every error has one of these codes: as \`title\` of a problem document (\`application/problem+json\`, RFC 9457) over HTTP, as
\`code\` in a job's error report, as \`reason.code\` of a failed job, a failed device or a dead letter.

- *Status* is what HTTP answers where the error reaches a caller.
- *Again* says whether the same may succeed later with nothing changed. A queue message that failed for such a reason is
  delivered again; any other is put aside at once, with its reason.
- *Next* is the hint that comes with the error.

What is wrong with a row, and how it is mended, is shown in [manifests.md](manifests.md).

| code | status | again | next |
| --- | --- | --- | --- |`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = errorsPage();
  if (process.argv.includes('--check')) {
    const found = await readFile(page, 'utf8').catch(() => '');
    if (found !== wanted) {
      console.error('docs/errors.md is not what lib/errors.ts says; run: node infra/tools/errors-page.ts');
      process.exitCode = 1;
    }
  } else {
    await writeFile(page, wanted);
  }
}
