import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { s3Location } from './s3-location.ts';
import { absoluteStore } from './url.ts';

it.each([
  ['s3://bucket', { bucket: 'bucket', prefix: '' }],
  ['s3://bucket/', { bucket: 'bucket', prefix: '' }],
  ['s3://my.bucket-1/a/b_c/', { bucket: 'my.bucket-1', prefix: 'a/b_c' }],
])('%s is a bucket and a prefix', (url, location) => {
  expect(s3Location(url, {})).toEqual(location);
});

it.each([
  's3://',
  's3:///a',
  's3://Bucket',
  's3://b',
  's3://bucket/a//b',
  's3://bucket/../x',
  's3:x',
])('%s is refused', (url) => {
  expect(() => s3Location(url, {})).toThrowError(
    expect.objectContaining({ code: 'bad-store-url', exitCode: 2 }),
  );
});

it('the endpoint is the first that is set, and a URL', () => {
  const env = { AWS_ENDPOINT_URL: 'http://c:1', AWS_ENDPOINT_URL_S3: 'http://b:1' };
  expect(s3Location('s3://bucket', env).endpoint).toBe('http://b:1');
  const own = { ...env, EDGELOOM_S3_ENDPOINT: 'https://a' };
  expect(s3Location('s3://bucket', own).endpoint).toBe('https://a');
  for (const EDGELOOM_S3_ENDPOINT of ['localhost:9000', 'ftp://a', 'nonsense']) {
    expect(() => s3Location('s3://bucket', { EDGELOOM_S3_ENDPOINT })).toThrowError(
      expect.objectContaining({ code: 'bad-store-endpoint' }),
    );
  }
});

it('a folder is the same from everywhere, and other schemes are refused', () => {
  expect(absoluteStore('here/it is')).toBe(resolve('here/it is'));
  expect(absoluteStore('s3://bucket/x')).toBe('s3://bucket/x');
  expect(() => absoluteStore('gs://bucket/x')).toThrowError(
    expect.objectContaining({ code: 'bad-store-url' }),
  );
});
