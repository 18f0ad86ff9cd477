import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A library of which the package contains code. */
export interface ThirdParty {
  readonly name: string;
  readonly version: string;
  /** SPDX expression, as the library declares it. */
  readonly license: string;
  /** License and notice files of the library, one after another. */
  readonly text: string;
  /** Digest of the tarball in the registry, from package-lock.json, such as `sha512-…` (base64). */
  readonly integrity: string;
}

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly integrity?: string }>>;
}

/** Texts of licenses and the notices that some of them (Apache-2.0, section 4d) ask to pass on. */
const licenseFile = /^(licen[cs]e|copying|copyright|notice|thirdpartynotices?)([._-].*)?(\.(txt|md))?$/i;

/**
 * Libraries whose package.json has no `license`. Read by hand: the README of semaphore says MIT; machina lets its users choose
 * between MIT and GPL, and its LICENSE has the text of MIT.
 */
const licensesByHand: Readonly<Record<string, string>> = { semaphore: 'MIT', machina: 'MIT' };

/**
 * Finds the libraries in a bundle. Only they count, and not everything that is installed: the rest is not passed on.
 * @param inputs files whose code is in the bundle, from the root of the project (`Bundle.inputs`)
 * @returns by name and version
 * @throws Error when the text of a license is missing: without it the package must not be passed on
 */
export async function thirdPartyOf(inputs: readonly string[]): Promise<ThirdParty[]> {
  const folders = new Set(inputs.flatMap((input) => folderOf(input) ?? []));
  const { packages } = JSON.parse(await readFile('package-lock.json', 'utf8')) as LockFile;
  const found = await Promise.all([...folders].map((folder) => read(folder, packages[folder]?.integrity ?? '')));
  const unlicensed = found.filter(({ license, text }) => license === '' || text === '').map(({ name }) => name);
  if (unlicensed.length > 0) throw new Error(`No license text was found for ${unlicensed.join(', ')}.`);
  // npm can install one version in several places.
  const byKey = new Map(found.map((library) => [`${library.name}@${library.version}`, library]));
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, library]) => library);
}

/** @returns the folder of the package that a file belongs to, such as `node_modules/a/node_modules/@b/c`; undefined for our own */
function folderOf(input: string): string | undefined {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
}

async function read(folder: string, integrity: string): Promise<ThirdParty> {
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const { name, version } = manifest;
  const license = String(manifest.license ?? licensesByHand[name] ?? '');
  const files = (await readdir(folder)).filter((file) => licenseFile.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  const own = texts.map((each) => each.replaceAll('\r\n', '\n').trim()).join('\n\n');
  const text = own === '' ? declaredText(license, authorOf(manifest)) : own;
  return { name, version, license, text, integrity };
}

function authorOf({ author, name }: { author?: string | { name?: string }; name: string }): string {
  const given = typeof author === 'string' ? author : author?.name;
  return given?.replace(/ *[<(].*$/, '') ?? `the authors of ${name}`;
}

/** For a library that declares its license and has no license file. @returns '' for a license whose text is not here */
function declaredText(license: string, holder: string): string {
  if (license === 'MIT') return mitText(holder);
  return license === 'ISC' ? iscText(holder) : '';
}

/** https://spdx.org/licenses/ISC.html */
function iscText(holder: string): string {
  return `The library has no license file. It declares the ISC License:

Copyright (c) ${holder}

Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, provided that the above copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.`;
}

/** https://spdx.org/licenses/MIT.html */
function mitText(holder: string): string {
  return `The library has no license file. It declares the MIT License:

Copyright (c) ${holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
"Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to
the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR
ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH
THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;
}

/** The file THIRD-PARTY-NOTICES.txt: the licenses under which the package passes other people's code on. */
export function notices(libraries: readonly ThirdParty[]): string {
  const intro = `This package contains code of ${libraries.length} libraries, under these licenses.`;
  const rule = '-'.repeat(80);
  const parts = libraries.map(({ name, version, license, text }) => `${name} ${version} (${license})\n\n${text}`);
  return `${[intro, ...parts].join(`\n\n${rule}\n\n`)}\n`;
}

/**
 * The software bill of materials, CycloneDX 1.5 (https://cyclonedx.org/docs/1.5/json/). It has neither a time nor a random
 * serial number, so that the same code gives the same package.
 */
export function bom(app: { name: string; version: string; license: string }, libraries: readonly ThirdParty[]): string {
  const component = (part: { name: string; version: string; license: string }, type: 'application' | 'library') => {
    const purl = `pkg:npm/${part.name.replace('@', '%40')}@${part.version}`;
    return { type, 'bom-ref': purl, name: part.name, version: part.version, purl, licenses: licensesOf(part.license) };
  };
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: component(app, 'application') },
    components: libraries.map((library) => ({ ...component(library, 'library'), hashes: hashesOf(library) })),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** An expression such as `(MIT OR Apache-2.0)` is not the id of a license. */
function licensesOf(license: string) {
  return /[\s()]/.test(license) ? [{ expression: license }] : [{ license: { id: license } }];
}

function hashesOf({ integrity }: ThirdParty) {
  const [algorithm, digest] = integrity.split('-');
  if (algorithm !== 'sha512' || digest === undefined) return undefined;
  return [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }];
}
