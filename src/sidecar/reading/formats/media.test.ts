import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readingLimits } from '../../limits.ts';
import { makeFlac, makeMp3, makeMp4, makeWav, makeWebm } from '../../testing/recordings.ts';
import { readDocument } from '../read-document.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-media-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(content: Uint8Array) {
  const path = join(folder, 'object');
  await writeFile(path, content);
  return readDocument(path, 'file', readingLimits);
}

async function readText(content: Uint8Array) {
  const answer = await read(content);
  if (answer.status !== 'read') throw new Error(`${answer.status}: ${answer.reason}`);
  return { ...answer, text: answer.chunks.map(({ text }) => text).join('\n') };
}

describe('a recording', () => {
  it('is found by its tags, its comment and its lyrics', async () => {
    const tags = {
      TIT2: 'Night train',
      TPE1: 'The Testers',
      TALB: 'Rails',
      TRCK: '3/9',
      TYER: '1999',
      TCON: 'Jazz',
      COMM: 'recorded live',
      USLT: 'clickety clack down the track',
    };
    const answer = await readText(makeMp3(100, tags));
    expect(answer).toMatchObject({
      contentType: 'audio/mpeg',
      metadata: {
        title: 'Night train',
        media: {
          artist: 'The Testers',
          album: 'Rails',
          track: 3,
          year: 1999,
          genres: ['Jazz'],
          codec: 'MPEG 1 Layer 3',
          bitrate: 128_000,
        },
      },
    });
    expect(answer.metadata.media?.durationSeconds).toBeCloseTo(2.6, 1);
    for (const word of ['Night train', 'The Testers', 'Rails', 'Jazz', 'recorded live', 'clickety clack'])
      expect(answer.text).toContain(word);
  });

  it('without tags is read, as its properties', async () => {
    expect(await read(makeWav(2))).toEqual({
      status: 'read',
      contentType: 'audio/wav',
      language: null,
      metadata: { media: { durationSeconds: 2, codec: 'PCM', bitrate: 64_000 }, words: 0, characters: 0 },
      chunks: [],
    });
  });

  it.each([
    ['WAV', makeWav(2, { INAM: 'Silence' }), 'audio/wav', 'Silence', 2],
    ['FLAC', makeFlac(3, ['TITLE=Stone', 'ARTIST=Rock']), 'audio/flac', 'Stone', 3],
    ['WebM', makeWebm(5, 'Webinar'), 'video/webm', 'Webinar', 5],
    ['MP4', makeMp4(7, 'Holiday film'), 'video/mp4', 'Holiday film', 7],
    ['MOV', makeMp4(7, 'Holiday film', 'qt  '), 'video/quicktime', 'Holiday film', 7],
    ['M4A', makeMp4(7, 'Lullaby', 'M4A '), 'audio/x-m4a', 'Lullaby', 7],
  ])('of type %s has its title and its length', async (_, bytes, contentType, title, durationSeconds) => {
    expect(await readText(bytes)).toMatchObject({
      contentType,
      text: expect.stringContaining(title),
      metadata: { title, media: { durationSeconds } },
    });
  });

  it('with 100,000 comments or a lyric of megabytes is cut where text is cut', async () => {
    const comments = Array.from({ length: 100_000 }, (_, number) => `COMMENT=${number}`);
    const startedAt = performance.now();
    expect((await read(makeFlac(1, comments))).status).toBe('read');
    const song = await read(makeMp3(4, { USLT: 'la '.repeat(2_000_000) }));
    expect(song).toMatchObject({
      status: 'read',
      truncated: 'Only the first 5,000,000 characters were read.',
    });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  it.each([
    ['that is cut off', makeMp4(7, 'x').subarray(0, 60)],
    ['of noise', Buffer.concat([makeMp4(7, 'x').subarray(0, 20), randomBytes(4_000)])],
    [
      'whose chunk is larger than the file',
      Buffer.concat([makeWav(1).subarray(0, 16), Buffer.alloc(8, 0xff)]),
    ],
  ])('%s ends with a status', async (_, bytes) => {
    const answer = await read(bytes);
    expect(['failed', 'read']).toContain(answer.status);
  });

  it('of a type without tags is skipped', async () => {
    const midi = Buffer.from('4d546864000000060000000100604d54726b0000000400ff2f00', 'hex');
    expect(await read(midi)).toMatchObject({ status: 'skipped', contentType: 'audio/midi' });
  });
});
