import { expect, test } from 'vitest';
import type { EmailMessage } from '../models/emails.ts';
import { renderEmail } from './email-templates.ts';

const LINK = 'https://app.test/x#token=abc&next="><script>';
const HOSTILE = 'Bob"><script>alert(1)</script>\r\nBcc: all@example.com\n\n{{7*7}} #{x} %s';

const MESSAGES: readonly EmailMessage[] = [
  { template: 'verify-email', link: LINK },
  { template: 'already-registered', link: LINK },
  { template: 'reset-password', link: LINK },
  { template: 'change-email', link: LINK },
  { template: 'email-changed', newEmail: HOSTILE, undoLink: LINK },
  { template: 'link-identity', provider: HOSTILE, link: LINK },
  { template: 'invitation', workspace: HOSTILE, inviter: HOSTILE, link: LINK },
  { template: 'security-notice', what: HOSTILE },
];

test.each(MESSAGES)('$template: no value gets out of its place', (message) => {
  const { subject, text, html } = renderEmail(message);
  expect(subject).not.toMatch(/[\r\n]/);
  expect(subject).not.toBe('');
  expect(html).not.toContain('<script');
  // A value stays on its line: it begins neither a header nor a paragraph.
  expect(text).not.toMatch(/^Bcc:/m);
  expect(html).not.toMatch(/^Bcc:/m);
});

test.each(MESSAGES.filter((message) => message.template !== 'security-notice'))(
  '$template: the link is in text and HTML, whole',
  (message) => {
    const { text, html } = renderEmail(message);
    const link = new URL(LINK).href;
    expect(text.split('\n')).toContain(link);
    expect(html).toContain(`href="${link.replaceAll('&', '&amp;')}"`);
  },
);

test('template signs in a name arrive as they are', () => {
  const { text } = renderEmail({
    template: 'invitation',
    workspace: 'W',
    inviter: '{{7*7}} #{x} %s',
    link: LINK,
  });
  expect(text).toContain('{{7*7}} #{x} %s invites you');
});

test.each(['javascript:alert(1)', 'data:text/html,x', 'not a link'])('%s is no link', (link) => {
  expect(() => renderEmail({ template: 'reset-password', link })).toThrow();
});
