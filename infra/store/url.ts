/** What may stand behind `--store`. No SDK is loaded here. */
import { resolve } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';

export const isS3 = (url: string | undefined): url is string => url?.startsWith('s3:') ?? false;

/** The same store for processes in any folder. @throws EdgeloomError `bad-store-url` */
export function absoluteStore(url: string): string {
  if (isS3(url)) return url;
  if (!/^[a-z][a-z0-9+.-]*:/i.test(url)) return resolve(url);
  throw new EdgeloomError({
    code: 'bad-store-url',
    what: 'A store is s3://bucket/prefix or a folder',
    where: url,
    fix: 'other object stores mostly speak S3 as well: name theirs in EDGELOOM_S3_ENDPOINT',
    exitCode: 2,
  });
}
