import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetError } from '../../../lib/errors.ts';
import { type GroupInput, parseGroupDefinition, shownDefinition } from '../../../lib/groups/definition.ts';
import { type PrivateUrls, urlIssue, withoutQuery } from '../../../lib/groups/url-rule.ts';

const strict = { allowPrivate: false };

describe('urlIssue', () => {
  const accepted = [
    'https://allocate.example.com/api/allocate?code=abc',
    'HTTPS://Allocate.Example.com:8443',
    'https://fleet.azurewebsites.net/api/x#part',
    'https://8.8.8.8/x',
    'https://172.15.255.255/',
    'https://172.32.0.1/',
    'https://[2606:4700:4700::1111]/',
    'https://mylocal.example/',
    'https://local.example.com/',
  ];
  for (const url of accepted) it(`accepts ${url}`, () => assert.equal(urlIssue(url, strict), undefined));

  const isPrivate = [
    'https://localhost/',
    'https://LOCALHOST:8080/x',
    'https://localhost./',
    'https://api.localhost/',
    'https://printer.local/',
    'https://printer.local./',
    'https://localhost../',
    'https://printer.local.../',
    'https://metadata../',
    'https://a.localdomain/',
    'https://a.intranet/',
    'https://a.lan/',
    'https://a.alt/',
    'https://192.0.0.8/',
    'https://192.0.2.1/',
    'https://192.88.99.1/',
    'https://198.19.255.255/',
    'https://198.51.100.1/',
    'https://203.0.113.1/',
    'https://240.0.0.1/',
    'https://[2001:1ff::1]/',
    'https://[3fff::1]/',
    'https://metadata.google.internal/computeMetadata/v1',
    'https://router.home.arpa/',
    'https://metadata/',
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0x7f.1/',
    'https://0177.0.0.1/',
    'https://017700000001/',
    'https://127.0.0.1./',
    'https://%31%32%37.0.0.1/',
    'https://0.0.0.0/',
    'https://10.0.0.5/',
    'https://100.64.0.1/',
    'https://169.254.169.254/metadata/identity/oauth2/token',
    'https://168.63.129.16/',
    'https://172.16.0.1/',
    'https://172.31.255.255/',
    'https://192.168.1.1/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://[::]/',
    'https://[::1]/',
    'https://[0:0:0:0:0:0:0:1]:443/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[::ffff:8.8.8.8]/',
    'https://[::127.0.0.1]/',
    'https://[64:ff9b::a00:5]/',
    'https://[2002:7f00:1::]/',
    'https://[2001:db8::1]/',
    'https://[fc00::1]/',
    'https://[fd12:3456::1]/',
    'https://[fe80::1]/',
    'https://[fec0::1]/',
    'https://[ff02::1]/',
  ];
  for (const url of isPrivate) {
    it(`refuses ${url}, unless private addresses are allowed`, () => {
      assert.match(urlIssue(url, strict) ?? 'accepted', /private address/);
      assert.equal(urlIssue(url, { allowPrivate: true }), undefined);
    });
  }

  const malformed: [string, RegExp][] = [
    ['', /absolute https URL/],
    ['allocate.example.com', /absolute https URL/],
    ['//allocate.example.com', /absolute https URL/],
    ['https:allocate.example.com', /absolute https URL/],
    ['https:///allocate.example.com', /absolute https URL/],
    ['https://', /absolute https URL/],
    ['https:\\\\127.0.0.1\\', /absolute https URL/],
    ['https://example.com\\@127.0.0.1/', /absolute https URL/],
    ['https://example.com/ x', /absolute https URL/],
    ['https://exa\tmple.com/', /absolute https URL/],
    [' https://example.com/', /absolute https URL/],
    ['https://example.com/\n', /absolute https URL/],
    ['https://１２７.0.0.1/', /absolute https URL/],
    ['https://[::1/', /absolute https URL/],
    ['https://[fe80::1%25eth0]/', /absolute https URL/],
    ['https://example.com:99999/', /absolute https URL/],
    ['ftp://example.com/', /absolute https URL/],
    ['file:///etc/passwd', /absolute https URL/],
    ['http://example.com/', /expected https/],
    ['http://127.0.0.1/', /expected https/],
    ['https://user:secret@example.com/', /user name or password/],
    ['https://user@example.com/', /user name or password/],
    ['https://@example.com/', /user name or password/],
    ['https://example.com/api?redacted', /not shown/],
  ];
  for (const [url, expected] of malformed) {
    it(`refuses ${JSON.stringify(url)}`, () => assert.match(urlIssue(url, strict) ?? 'accepted', expected));
  }

  it('never repeats the URL, which may hold a password', () => {
    assert.doesNotMatch(urlIssue('https://user:secret@example.com/', strict) ?? '', /secret/);
  });

  it('allows http to a private address only', () => {
    assert.equal(urlIssue('http://localhost:7071/api/x', { allowPrivate: true }), undefined);
    assert.match(urlIssue('http://example.com/', { allowPrivate: true }) ?? '', /expected https/);
  });
});

describe('the URLs of a group', () => {
  const webhook = (webhookUrl: string): GroupInput => {
    return { keyCustody: 'plain', allocationPolicy: 'custom', customAllocation: { webhookUrl } };
  };
  const est = (url: string): GroupInput => ({ keyCustody: 'device', edgeCa: 'est', est: { url } });

  function faultsOf(input: GroupInput, privateUrls?: PrivateUrls): (string | undefined)[] {
    try {
      parseGroupDefinition('line7', input, { privateUrls });
      return [];
    } catch (error) {
      assert.ok(error instanceof FleetError);
      assert.equal(error.code, 'group-invalid');
      return (error.details.faults ?? []).map(({ path }) => path);
    }
  }

  it('keep one rule, and a deployment says what may be private', () => {
    const privateWebhook = webhook('https://10.0.0.5/allocate');
    const privateEst = est('https://est.plant.local/.well-known/est');
    assert.deepEqual(faultsOf(privateWebhook), ['customAllocation.webhookUrl']);
    assert.deepEqual(faultsOf(privateWebhook, 'est'), ['customAllocation.webhookUrl']);
    assert.deepEqual(faultsOf(privateWebhook, 'all'), []);
    assert.deepEqual(faultsOf(privateEst), ['est.url']);
    assert.deepEqual(faultsOf(privateEst, 'est'), []);
    assert.deepEqual(faultsOf(est('https://u:p@est.example.com'), 'all'), ['est.url']);
  });

  it('are not checked again in a definition that was stored by an earlier release', () => {
    const old = webhook('http://10.0.0.5/allocate');
    assert.doesNotThrow(() => parseGroupDefinition('line7', old, { privateUrls: 'stored' }));
  });

  it('are shown without their queries, which often hold a key', () => {
    const group = parseGroupDefinition('line7', webhook('https://allocate.example.com/api?code=SECRET#part'));
    const shown = shownDefinition(group);
    assert.equal(shown.customAllocation?.webhookUrl, 'https://allocate.example.com/api?redacted');
    assert.equal(JSON.stringify(shown).includes('SECRET'), false);
    assert.match(group.customAllocation?.webhookUrl ?? '', /SECRET/, 'DPS gets the whole URL');
    const server = parseGroupDefinition('line8', est('https://est.example.com/est?key=SECRET'));
    assert.equal(shownDefinition(server).est?.url, 'https://est.example.com/est?redacted');
  });

  it('are unchanged where they have no query', () => {
    assert.equal(withoutQuery('https://est.example.com/est'), 'https://est.example.com/est');
  });
});
